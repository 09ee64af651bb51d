// Runs of hosted recommenders at the probe: up to a probe site, or on from it.
#ifndef RECSAE_SERVICES_EXPLAINER_BACKEND_HOSTED_RUNS_H_
#define RECSAE_SERVICES_EXPLAINER_BACKEND_HOSTED_RUNS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/messages/tensor.h"
#include "services/explainer/backend/backend.h"

namespace recsae::explainer {

using HostedQuery = probe::v1::ComputeActivationsRequest::Query;

// The query that a captured case came from.
HostedQuery QueryOf(const probe::v1::Case& captured);

// Activations at a site ("" = just before scoring), float [queries, dim], row-major; any number of
// queries. `reads_history`, if given, becomes what the probe says of the recommender. What the
// probe answers; INVALID_ARGUMENT (TENSOR_SHAPE_MISMATCH) if they are not of `dim` values.
absl::StatusOr<std::vector<float>> ComputeAtSite(Backend& backend, const Caller& caller,
                                                 const std::string& recommender,
                                                 const std::string& site,
                                                 absl::Span<const HostedQuery> queries, int dim,
                                                 bool* reads_history = nullptr);

// Activations just before scoring, float [queries, dim], with those given, [queries, any], in place
// of the recommender's own at the site. Errors as ComputeAtSite.
absl::StatusOr<std::vector<float>> ResumeFromSite(Backend& backend, const Caller& caller,
                                                  const std::string& recommender,
                                                  const std::string& site,
                                                  absl::Span<const HostedQuery> queries,
                                                  const MatrixView& activations, int dim);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_BACKEND_HOSTED_RUNS_H_
