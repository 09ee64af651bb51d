// Wishes in words: the call ResolveWishes, and what Steer does for them.
#ifndef RECSAE_SERVICES_EXPLAINER_CALLS_WISH_CALL_H_
#define RECSAE_SERVICES_EXPLAINER_CALLS_WISH_CALL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/explainer/calls/steer_edits.h"
#include "services/explainer/steering/wishes.h"

namespace google::protobuf {
template <typename T>
class RepeatedPtrField;
}  // namespace google::protobuf

namespace recsae {
class BadRequest;
}  // namespace recsae

namespace recsae::explainer::v1 {
class ResolvedWish;
class ResolveWishesRequest;
class ResolveWishesResponse;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

// What strength 1 does: so many standard deviations more, and this part of an active latent left
// (docs/steering.md has what they cost).
inline constexpr double kMoreDeviations = 1;
inline constexpr double kLessScale = 0.25;

// Codes as explainer.proto documents them. Thread-safe.
absl::Status ResolveWishes(Backend& backend, const Caller& caller,
                           const v1::ResolveWishesRequest& request,
                           v1::ResolveWishesResponse* response);

// The wishes of a text; adds a violation of `field` where it is too long, or asks for nothing or
// for too much.
std::vector<Wish> CheckWishes(absl::string_view field, const std::string& text, BadRequest& bad);

// Where a wish stands among the origins of edits: those of the request's edits count from 0 up.
inline int PlaceOfWish(size_t wish) { return -1 - static_cast<int>(wish); }

// What the wishes are about, one for each to `out`, and the edits that do them to `resolved`.
absl::Status ResolveWishes(const SteeringContext& context, const std::vector<Wish>& wishes,
                           double strength,
                           google::protobuf::RepeatedPtrField<v1::ResolvedWish>* out,
                           ResolvedEdits& resolved);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CALLS_WISH_CALL_H_
