#include "common/jobs/job_spec.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kMaxNamed = 20;

class UnknownFields {
 public:
  // `path`: where the message is in the request, "" or "config.".
  void Visit(const Message& message, const std::string& path) {
    const Reflection& reflection = *message.GetReflection();
    Name(message, path);
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      const std::string name = absl::StrCat(path, field->name());
      if (!field->is_repeated()) {
        Visit(reflection.GetMessage(message, field), absl::StrCat(name, "."));
        continue;
      }
      for (int i = 0; i < reflection.FieldSize(message, field) && named_ < kMaxNamed; ++i) {
        Visit(reflection.GetRepeatedMessage(message, field, i), absl::StrCat(name, "[", i, "]."));
      }
    }
  }

  absl::Status ToStatus() const { return bad_.ToStatus(); }

 private:
  // Adds those of the message itself.
  void Name(const Message& message, const std::string& path) {
    const auto& unknown = message.GetReflection()->GetUnknownFields(message);
    std::set<int> numbers;
    for (int i = 0; i < unknown.field_count(); ++i) numbers.insert(unknown.field(i).number());
    for (const int number : numbers) {
      if (++named_ > kMaxNamed) return;
      bad_.Add(absl::StrCat(path, "#", number),
               absl::StrCat("is no field of ", std::string(message.GetDescriptor()->full_name()),
                            " that this server knows; update the server, or leave it out"));
    }
  }

  BadRequest bad_;
  int named_ = 0;
};

}  // namespace

absl::Status CheckSpec(const google::protobuf::Any& spec, size_t max_bytes) {
  if (spec.value().size() > max_bytes) {
    return Error(absl::StatusCode::kInvalidArgument, "JOB_SPEC_TOO_LARGE",
                 absl::StrCat("the request has ", spec.value().size(), " bytes; one that starts a ",
                              "job may have ", max_bytes),
                 {{"limit", absl::StrCat(max_bytes)}});
  }
  const std::string& url = spec.type_url();
  const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      url.substr(url.rfind('/') + 1));
  // Made by a service of this process: a type that is not in it is no request.
  if (type == nullptr) return absl::OkStatus();
  const std::unique_ptr<Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!message->ParseFromString(spec.value())) {
    return Error(absl::StatusCode::kInvalidArgument, "JOB_SPEC_INVALID",
                 absl::StrCat("the request is no readable ", url));
  }
  UnknownFields unknown;
  unknown.Visit(*message, "");
  return unknown.ToStatus();
}

}  // namespace recsae
