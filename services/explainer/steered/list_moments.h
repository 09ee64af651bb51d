// What a small change of an activation does to lists, on average over users: where it brings items
// of an attribute, and how much it disturbs everything else.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERED_LIST_MOMENTS_H_
#define RECSAE_SERVICES_EXPLAINER_STEERED_LIST_MOMENTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ranking/prediction_head.h"
#include "common/sae/model.h"
#include "services/explainer/steered/attributes.h"
#include "services/explainer/steered/rows.h"

namespace recsae::explainer {

struct ListMoments {
  int dim = 0;
  // For each attribute the direction [dim] that raises it at once.
  std::vector<std::vector<double>> towards;
  // [dim, dim]: a change by d disturbs as much as d' disturbance d.
  std::vector<double> disturbance;
};

// What users might be shown: items with the chance exp(score / T) / sum, those never to be
// recommended left out; T such that the first ten have kShownMass of it in the mean. `towards` is
// the mean over rows of E[v | attribute] - E[v], the gradient of the log of the attribute's chance;
// `disturbance` that of Cov[v], whose quadratic form is twice the Kullback-Leibler divergence of
// the chances after a small change (Fisher information). At most kMomentRows rows are looked at.
absl::StatusOr<ListMoments> MomentsOfScores(const PredictionHead& head, const SteeredRows& rows,
                                            const Attributes& attributes,
                                            std::span<const int32_t> chosen, sae::Alive alive);

inline constexpr double kShownMass = 0.2;
inline constexpr int64_t kMomentRows = 1000;

// Where scores are no function of the activation alone (an inner probe site): `towards` is the
// covariance of the activation with the attribute's share of the captured list, and `disturbance`
// that of the activation with itself.
absl::StatusOr<ListMoments> MomentsOfActivations(const SteeredRows& rows,
                                                 const Attributes& attributes,
                                                 std::span<const int32_t> chosen, sae::Alive alive);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERED_LIST_MOMENTS_H_
