// The messages in which the concept-store takes them, each with its length before it.
#include "services/trainer/weights_codec.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>

#include "absl/strings/str_cat.h"
#include "common/sae_messages/sae_messages.h"
#include "common/status/status.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::trainer {
namespace {

using google::protobuf::util::ParseDelimitedFromZeroCopyStream;
using google::protobuf::util::SerializeDelimitedToZeroCopyStream;

absl::StatusOr<sae::SaeWeights> Read(google::protobuf::io::ZeroCopyInputStream& in) {
  concept_store::v1::Sae sae;
  if (!ParseDelimitedFromZeroCopyStream(&sae, &in, nullptr)) {
    return absl::DataLossError("no description");
  }
  RECSAE_ASSIGN_OR_RETURN(WeightAssembler assembler, WeightAssembler::Create(sae));
  concept_store::v1::SaeWeights piece;
  bool end = false;
  while (ParseDelimitedFromZeroCopyStream(&piece, &in, &end)) {
    RECSAE_RETURN_IF_ERROR(assembler.Add(piece));
    piece.Clear();
  }
  if (!end) return absl::DataLossError("broken off");
  return assembler.Finish();
}

}  // namespace

std::string EncodeWeights(const sae::SaeWeights& weights) {
  std::string bytes;
  google::protobuf::io::StringOutputStream out(&bytes);
  concept_store::v1::Sae sae;
  DescribeWeights(weights, &sae);
  SerializeDelimitedToZeroCopyStream(sae, &out);
  WriteWeights(weights, [&out](concept_store::v1::SaeWeights& piece) {
    return SerializeDelimitedToZeroCopyStream(piece, &out);
  });
  return bytes;
}

absl::StatusOr<sae::SaeWeights> DecodeWeights(absl::string_view bytes) {
  google::protobuf::io::ArrayInputStream in(bytes.data(), static_cast<int>(bytes.size()));
  absl::StatusOr<sae::SaeWeights> weights = Read(in);
  if (weights.ok()) return weights;
  return Error(absl::StatusCode::kDataLoss, "CHECKPOINT_DAMAGED",
               absl::StrCat("the best weights in the checkpoint (", bytes.size(),
                            " bytes) cannot be read: ", weights.status().message(),
                            "; start the training again"));
}

}  // namespace recsae::trainer
