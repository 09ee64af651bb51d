#include "common/messages/probe_messages.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae {

absl::Status AddRows(const probe::v1::ReadPredictionHeadResponse& message, NumberedHead& head) {
  const int rows = message.item_ids_size();
  RECSAE_ASSIGN_OR_RETURN(const MatrixView vectors,
                          ReadMatrix(message.vectors(), "vectors", rows, head.head.dim));
  head.head.vectors.insert(head.head.vectors.end(), vectors.flat().begin(), vectors.flat().end());
  if (message.has_biases()) {
    RECSAE_ASSIGN_OR_RETURN(const absl::Span<const float> biases,
                            ReadVector(message.biases(), "biases", rows));
    head.head.biases.insert(head.head.biases.end(), biases.begin(), biases.end());
  }
  const auto& counts = message.training_counts();
  const bool below_0 =
      std::any_of(counts.begin(), counts.end(), [](int64_t count) { return count < 0; });
  if (!counts.empty() && (counts.size() != rows || below_0)) {
    return Error(
        absl::StatusCode::kInvalidArgument, "TRAINING_COUNTS_INVALID",
        absl::StrCat("training_counts must be none, or one of 0 or more for each of ", rows,
                     " items; are ", counts.size(), below_0 ? ", some below 0" : ""));
  }
  head.training_counts.insert(head.training_counts.end(), counts.begin(), counts.end());
  for (const std::string& id : message.item_ids()) {
    head.items.emplace(id, static_cast<int32_t>(head.items.size()));
  }
  const std::vector<int32_t> withheld = KnownItems(head.items, message.withheld_item_ids());
  head.head.withheld.insert(head.head.withheld.end(), withheld.begin(), withheld.end());
  return absl::OkStatus();
}

std::vector<int32_t> KnownItems(const ItemNumbers& items,
                                const google::protobuf::RepeatedPtrField<std::string>& ids) {
  std::vector<int32_t> known;
  known.reserve(static_cast<size_t>(ids.size()));
  for (const std::string& id : ids) {
    if (const auto found = items.find(id); found != items.end()) known.push_back(found->second);
  }
  return known;
}

HeldOut HeldOutOf(const probe::v1::Case& captured, const ItemNumbers& items) {
  HeldOut held_out;
  const auto target = items.find(captured.target_item_id());
  if (!captured.target_item_id().empty() && target != items.end()) held_out.target = target->second;
  held_out.excluded = KnownItems(items, captured.history_item_ids());
  const std::vector<int32_t> more = KnownItems(items, captured.excluded_item_ids());
  held_out.excluded.insert(held_out.excluded.end(), more.begin(), more.end());
  return held_out;
}

}  // namespace recsae
