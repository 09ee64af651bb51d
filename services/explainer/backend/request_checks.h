// Checks that several requests share.
#ifndef RECSAE_SERVICES_EXPLAINER_BACKEND_REQUEST_CHECKS_H_
#define RECSAE_SERVICES_EXPLAINER_BACKEND_REQUEST_CHECKS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace recsae {
class BadRequest;
}  // namespace recsae

namespace recsae::explainer {

inline constexpr int kDefaultTopItems = 10;
inline constexpr int kMaxTopItems = 1000;
// Items named by id in a request.
inline constexpr int kMaxItemIds = 1000;
// Items of a history weighed in a call, each by a run of the recommender.
inline constexpr int kMaxReasons = 100;
// Items whose reasons are found stepwise in a call, and steps of each.
inline constexpr int kMaxStepwiseItems = 5;
inline constexpr int kReasonSteps = 5;

// Adds a violation of `field` unless low <= value <= high.
void CheckRange(absl::string_view field, int64_t value, int64_t low, int64_t high, BadRequest& bad);

// Adds a violation of `field` unless `name` follows the pattern, as ParseName takes it.
void CheckName(absl::string_view field, const std::string& name, absl::string_view pattern,
               BadRequest& bad);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_BACKEND_REQUEST_CHECKS_H_
