#include "services/explainer/calls/steer_request.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/query_words.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/calls/controls.h"
#include "services/explainer/calls/wish_call.h"

namespace recsae::explainer {
namespace {

constexpr int kMaxEdits = 1000;
constexpr int kMaxLatentsOfText = 100;
constexpr double kMaxWishStrength = 10;
constexpr double kMostPopularitySteps = 10;

void CheckOperation(const v1::Edit& edit, absl::string_view field, BadRequest& bad) {
  switch (edit.operation_case()) {
    case v1::Edit::kScale:
      if (!std::isfinite(edit.scale())) bad.Add(absl::StrCat(field, ".scale"), "must be finite");
      break;
    case v1::Edit::kAdd:
      if (!std::isfinite(edit.add())) bad.Add(absl::StrCat(field, ".add"), "must be finite");
      break;
    case v1::Edit::kPush:
      if (!std::isfinite(edit.push())) bad.Add(absl::StrCat(field, ".push"), "must be finite");
      break;
    case v1::Edit::kSet:
      if (!std::isfinite(edit.set()) || edit.set() < 0) {
        bad.Add(absl::StrCat(field, ".set"),
                absl::StrCat("must be finite and at least 0, is ", edit.set()));
      }
      break;
    case v1::Edit::kRemove:
      if (!edit.remove()) bad.Add(absl::StrCat(field, ".remove"), "must be true where it is given");
      break;
    case v1::Edit::OPERATION_NOT_SET:
      bad.Add(field, "must hold scale, add, push, set or remove");
      break;
  }
}

void CheckEdit(const v1::Edit& edit, absl::string_view field, BadRequest& bad) {
  if (edit.target_case() == v1::Edit::TARGET_NOT_SET) {
    bad.Add(field, "must name a latent or a group, or hold text");
  } else if (edit.has_text() && edit.text().find_first_not_of(" \t\n") == std::string::npos) {
    bad.Add(absl::StrCat(field, ".text"), "must hold a word");
  }
  CheckOperation(edit, field, bad);
  CheckRange(absl::StrCat(field, ".max_latents"), edit.max_latents(), 0, kMaxLatentsOfText, bad);
}

void CheckPopularity(const v1::PopularityChange& change, BadRequest& bad) {
  switch (change.change_case()) {
    case v1::PopularityChange::kSteps:
      if (!(std::abs(change.steps()) <= kMostPopularitySteps)) {
        bad.Add("popularity.steps", absl::StrCat("must be -", kMostPopularitySteps, " to ",
                                                 kMostPopularitySteps, ", is ", change.steps()));
      }
      break;
    case v1::PopularityChange::kOwn:
      if (!change.own()) bad.Add("popularity.own", "must be true where it is given");
      break;
    case v1::PopularityChange::CHANGE_NOT_SET:
      bad.Add("popularity", "must hold steps or own");
      break;
  }
}

// Numbers that say how much.
void CheckAmounts(const v1::SteerRequest& request, BadRequest& bad) {
  if (!(request.wish_strength() >= 0 && request.wish_strength() <= kMaxWishStrength)) {
    bad.Add("wish_strength",
            absl::StrCat("must be 0 to ", kMaxWishStrength, ", is ", request.wish_strength()));
  }
  if (request.has_popularity()) CheckPopularity(request.popularity(), bad);
  if (!(request.max_change() >= 0) || std::isinf(request.max_change())) {
    bad.Add("max_change", absl::StrCat("must be finite and at least 0, is ", request.max_change()));
  }
}

}  // namespace

absl::Status NothingAsked(const v1::SteerRequest& request) {
  BadRequest bad;
  bad.Add("edits", absl::StrCat("must be 1 to ", kMaxEdits, ", or there must be wishes: user \"",
                                std::string(UserOf(request.subject())), "\" has no controls of ",
                                request.sae()));
  return bad.ToStatus();
}

absl::StatusOr<std::vector<Wish>> CheckSteerRequest(const v1::SteerRequest& request) {
  BadRequest bad;
  std::vector<Wish> wishes;
  CheckName("sae", request.sae(), "saes/{sae}", bad);
  CheckSubject(request.subject(), "subject", bad);
  CheckRange("top_item_count", request.top_item_count(), 0, kMaxTopItems, bad);
  if (!request.wishes().empty()) wishes = CheckWishes("wishes", request.wishes(), bad);
  // A user's controls may be all there is to do.
  const bool controls = !request.ignore_controls() && !UserOf(request.subject()).empty();
  const bool others = !request.wishes().empty() || request.has_popularity();
  const int least = others || controls ? 0 : 1;
  if (request.edits_size() < least || request.edits_size() > kMaxEdits) {
    bad.Add("edits",
            absl::StrCat("must be ", least, " to ", kMaxEdits, ", are ", request.edits_size()));
  }
  const int checked = std::min(request.edits_size(), kMaxEdits);
  for (int i = 0; i < checked; ++i) {
    CheckEdit(request.edits(i), absl::StrCat("edits[", i, "]"), bad);
  }
  if (!v1::SteerRequest::Mode_IsValid(request.mode())) {
    bad.Add("mode", absl::StrCat("no mode has the number ", static_cast<int>(request.mode())));
  }
  CheckAmounts(request, bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  for (const v1::Edit& edit : request.edits()) {
    if (edit.has_text()) RECSAE_RETURN_IF_ERROR(CheckNotNegated(edit.text()));
  }
  return wishes;
}

}  // namespace recsae::explainer
