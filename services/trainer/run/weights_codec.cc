// The messages in which the concept-store takes them, each with its length before it.
#include "services/trainer/run/weights_codec.h"

#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/messages/sae_messages.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::trainer {
namespace {

using Length = uint32_t;

void Append(const google::protobuf::MessageLite& message, std::string& bytes) {
  const auto length = static_cast<Length>(message.ByteSizeLong());
  bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
  message.AppendToString(&bytes);
}

// Takes the first message off the bytes.
absl::Status Take(absl::string_view& bytes, google::protobuf::MessageLite* message) {
  Length length = 0;
  if (bytes.size() >= sizeof(length)) {
    std::memcpy(&length, bytes.data(), sizeof(length));
    bytes.remove_prefix(sizeof(length));
    if (length <= bytes.size() && message->ParseFromArray(bytes.data(), static_cast<int>(length))) {
      bytes.remove_prefix(length);
      return absl::OkStatus();
    }
  }
  return Error(absl::StatusCode::kDataLoss, "CHECKPOINT_DAMAGED", "a message is broken off");
}

absl::StatusOr<sae::SaeWeights> Read(absl::string_view bytes) {
  concept_store::v1::Sae sae;
  RECSAE_RETURN_IF_ERROR(Take(bytes, &sae));
  RECSAE_ASSIGN_OR_RETURN(WeightAssembler assembler, WeightAssembler::Create(sae));
  concept_store::v1::SaeWeights piece;
  while (!bytes.empty()) {
    RECSAE_RETURN_IF_ERROR(Take(bytes, &piece));
    RECSAE_RETURN_IF_ERROR(assembler.Add(piece));
  }
  return assembler.Finish();
}

}  // namespace

std::string EncodeWeights(const sae::SaeWeights& weights) {
  std::string bytes;
  concept_store::v1::Sae sae;
  DescribeWeights(weights, &sae);
  Append(sae, bytes);
  WriteWeights(weights, [&bytes](concept_store::v1::SaeWeights& piece) {
    Append(piece, bytes);
    return true;
  });
  return bytes;
}

absl::StatusOr<sae::SaeWeights> DecodeWeights(absl::string_view bytes) {
  absl::StatusOr<sae::SaeWeights> weights = Read(bytes);
  if (weights.ok()) return weights;
  return Error(absl::StatusCode::kDataLoss, "CHECKPOINT_DAMAGED",
               absl::StrCat("the best weights in the checkpoint (", bytes.size(),
                            " bytes) cannot be read: ", weights.status().message(),
                            "; start the training again"));
}

}  // namespace recsae::trainer
