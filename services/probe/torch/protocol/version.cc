#include "services/probe/torch/protocol/version.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/version.h"
#include "recsae/hosts/v1/hosts.pb.h"
#include "recsae/torch_host/v1/torch_host.pb.h"

namespace recsae::probe {
namespace {

std::string TextOf(const google::protobuf::Descriptor* message) {
  google::protobuf::FileDescriptorProto file;
  message->file()->CopyTo(&file);
  return file.SerializeAsString();
}

}  // namespace

std::string ProtocolVersion() {
  const std::string messages = absl::StrCat(TextOf(torch_host::v1::ToHost::descriptor()),
                                            TextOf(hosts::v1::Call::descriptor()));
  return absl::StrCat(Version(), " (messages ", absl::Hex(Fingerprint(messages), absl::kZeroPad16),
                      ")");
}

}  // namespace recsae::probe
