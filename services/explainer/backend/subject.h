// Whose recommendation a call is about: from the request to activations.
#ifndef RECSAE_SERVICES_EXPLAINER_BACKEND_SUBJECT_H_
#define RECSAE_SERVICES_EXPLAINER_BACKEND_SUBJECT_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/explainer/backend/backend.h"
#include "services/explainer/backend/hosted_runs.h"

namespace recsae::explainer::v1 {
class Subject;
}  // namespace recsae::explainer::v1

namespace recsae {
class BadRequest;
}  // namespace recsae

namespace recsae::explainer {

struct ResolvedSubject {
  std::shared_ptr<const LoadedSae> sae;
  // Null when the SAE does not say whose it is and the subject does not either.
  std::shared_ptr<const LoadedRecommender> recommender;
  int64_t rows = 0;
  std::vector<float> activations;  // [rows, d], at the SAE's probe site
  // The query that the activation came from; of activations given as they are without a user and
  // items.
  HostedQuery query;
  // Where a recommender that reads no histories was run: what it learned of the user, [d], which
  // `activations` are no more once controls act. Else empty.
  std::vector<float> learned;
  // At an inner site only, and not for activations given as they are: the vector just before
  // scoring that they lead to.
  std::vector<float> user_activation;
  // Items never to be recommended: what the case or history leaves out, and what the request does.
  std::vector<int32_t> excluded;
  // Items of the history and exclusions that the catalogue does not have.
  std::set<std::string> unknown_items;
  // What makes an explanation of it doubtful, a sentence each.
  std::vector<std::string> warnings;

  absl::Span<const float> Activation(int64_t row) const {
    const size_t dim = sae->model.dim();
    return absl::MakeConstSpan(activations).subspan(row * dim, dim);
  }
  bool at_inner_site() const { return !sae->probe_site.empty(); }
  // Null without a prediction head.
  const PredictionHead* head() const {
    return recommender != nullptr && recommender->head ? &*recommender->head : nullptr;
  }
};

// Adds what is wrong with `subject` whatever the SAE; `field` is its path in the request.
void CheckSubject(const v1::Subject& subject, absl::string_view field, BadRequest& bad);

// Loads the SAE, its recommender and the activations of a subject that passed CheckSubject.
//   INVALID_ARGUMENT  TENSOR_*; RECOMMENDER_MISMATCH, PROBE_SITE_MISMATCH: a capture of another
//                     recommender or site
//   NOT_FOUND         the SAE, recommender, capture, user or item that is not there
//   FAILED_PRECONDITION  RECOMMENDER_CHANGED, as CheckIncarnation (capture_reader.h)
// `keep_seen`: what the subject touched is not excluded. Unknown ids of exclude_item_ids are noted.
absl::StatusOr<ResolvedSubject> ResolveSubject(
    Backend& backend, const Caller& caller, const std::string& sae, const v1::Subject& subject,
    absl::Span<const std::string* const> exclude_item_ids, bool keep_seen);

// The vector just before scoring that `activation` [d] at the subject's inner site leads to, in
// place of its own. The subject has a user_activation. Errors as ComputeAtSite.
absl::StatusOr<std::vector<float>> ResumeSubject(Backend& backend, const Caller& caller,
                                                 const ResolvedSubject& subject,
                                                 absl::Span<const float> activation);

// INVALID_ARGUMENT (TENSOR_SHAPE_MISMATCH) unless it is one activation.
absl::Status CheckOneRow(const ResolvedSubject& subject);

// FAILED_PRECONDITION (HISTORY_NEEDED): from an activation of an inner probe site alone nothing can
// be ranked.
absl::Status HistoryNeeded(const ResolvedSubject& subject);

// The numbers of items by id. NOT_FOUND (ITEM_NOT_FOUND) names the first that is not there.
absl::StatusOr<std::vector<int32_t>> FindItems(const LoadedRecommender& recommender,
                                               absl::Span<const std::string* const> ids);

// INVALID_ARGUMENT (RECOMMENDER_MISMATCH) if `capture` records another recommender than the one
// whose activations the SAE was trained on.
absl::Status CheckSameRecommender(const LoadedSae& sae, const std::string& capture);

// "recommenders/{recommender}" of a capture's name.
absl::StatusOr<std::string> RecommenderOfCapture(const std::string& capture);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_BACKEND_SUBJECT_H_
