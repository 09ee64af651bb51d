// Prediction heads and cases of the probe with their items as numbers.
#ifndef RECSAE_COMMON_MESSAGES_PROBE_MESSAGES_H_
#define RECSAE_COMMON_MESSAGES_PROBE_MESSAGES_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "common/ranking/prediction_head.h"

namespace recsae::probe::v1 {
class Case;
class ReadPredictionHeadResponse;
}  // namespace recsae::probe::v1

namespace recsae {

// Item numbers by id.
using ItemNumbers = std::unordered_map<std::string, int32_t>;

// A prediction head, with the numbers that its items have in it.
struct NumberedHead {
  PredictionHead head;
  ItemNumbers items;
  // Training interactions of each item; of fewer where they are not known of all.
  std::vector<int64_t> training_counts;
};

// Adds the rows of one message to a head whose `dim` is set. INVALID_ARGUMENT as ReadMatrix, and
// TRAINING_COUNTS_INVALID where they are not one for each row, or below 0.
absl::Status AddRows(const probe::v1::ReadPredictionHeadResponse& message, NumberedHead& head);

// The numbers of those ids that have one, in their order.
std::vector<int32_t> KnownItems(const ItemNumbers& items,
                                const google::protobuf::RepeatedPtrField<std::string>& ids);

// What a case asks of a ranking.
struct HeldOut {
  int32_t target = -1;            // the held-out item; -1 without one that has a number
  std::vector<int32_t> excluded;  // not ranked: the history, and what else the user touched
};
HeldOut HeldOutOf(const probe::v1::Case& captured, const ItemNumbers& items);

}  // namespace recsae

#endif  // RECSAE_COMMON_MESSAGES_PROBE_MESSAGES_H_
