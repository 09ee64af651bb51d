// Steering: changes latents of one activation and compares what is recommended before and after.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERING_STEERING_H_
#define RECSAE_SERVICES_EXPLAINER_STEERING_STEERING_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/ranking/prediction_head.h"
#include "common/sae/model.h"
#include "services/explainer/steering/erasure.h"

namespace recsae::explainer {

// A change of one latent. z is its activation after the edits before this one, 0 when not active.
struct LatentEdit {
  enum class Operation {
    kScale,   // z' = value * z
    kAdd,     // z' = max(0, z + value)
    kPush,    // z' = z + value
    kSet,     // z' = value
    kRemove,  // z' = 0
  };
  int32_t latent = 0;
  Operation operation = Operation::kRemove;
  // In the SAE's units, but for kScale, where it is a factor.
  double value = 0;
};

enum class SteeringMode {
  // x' = x + sum_j (z'_j - z_j) w_j: what the SAE does not explain is kept, and no change of a
  // latent means no change of x, to the bit.
  kDelta,
  // x' = W_dec^T z' + b_pre (as the RecSAE paper does).
  kReconstruction,
};

// A latent that edits named, before the first and after the last of them.
struct LatentChange {
  int32_t latent = 0;
  double before = 0;
  double after = 0;
};

struct SteeringOptions {
  SteeringMode mode = SteeringMode::kDelta;
  // Latents whose directions are projected out of the whole activation, residual and all, so that
  // it has as much of them as the mean: <x' - mean, w_j> = 0. Before, what `eraser` reads of their
  // groups is taken out of x, so that no linear probe finds it over users; null: the directions
  // alone.
  std::vector<int32_t> projected = {};
  const Eraser* eraser = nullptr;
  // The same, but only for those of which the edited activation has more than the mean: what has
  // less of them already is left alone.
  std::vector<int32_t> lowered = {};
  // Mean activation over users [d]; empty where it is not known: then the SAE's bias stands for it.
  absl::Span<const float> baseline = {};
  // Added to the activation beside what the edits change [d]; empty for nothing.
  absl::Span<const double> shift = {};
  // Bound of the change (SteeredActivation::change); 0 = none. Not for kReconstruction.
  double max_change = 0;
};

struct SteeredActivation {
  std::vector<float> activation;
  // One for each latent that was named, in the order of the first edit that names it; `after` is
  // what the bound left.
  std::vector<LatentChange> changes;
  // For each edit whether it changed its latent, or the activation by projection.
  std::vector<bool> effective;
  // |x' - x| / |x - baseline|, without a baseline / |x|.
  double change = 0;
  // What the change was multiplied by for max_change; 1 where it kept to it. What is projected out
  // is left alone as long as it alone keeps to it.
  double bounded_by = 1;
  // False where the bound did not let the projection be whole.
  bool projected_wholly = true;
};

// What changes are measured by: |x - baseline|, without a baseline |x|. Thread-safe.
double ChangeScale(absl::Span<const float> x, absl::Span<const float> baseline);

// Applies `edits` in order to the code of `x` [d]. INVALID_ARGUMENT (STEERED_NOT_FINITE) when the
// result leaves the range of float32. Thread-safe.
absl::StatusOr<SteeredActivation> SteerActivation(const sae::SaeModel& sae,
                                                  absl::Span<const float> x,
                                                  absl::Span<const LatentEdit> edits,
                                                  const SteeringOptions& options);

// How far down the other list an item is looked for.
inline constexpr int kOtherRankLimit = 1000;

// An item of one list and where it stands in the other.
struct ComparedItem {
  int32_t item = 0;
  double score = 0;
  // 1 = best; 0 = not among the first kOtherRankLimit.
  int other_rank = 0;
};

struct ComparedRecommendations {
  std::vector<ComparedItem> before;
  std::vector<ComparedItem> after;
};

// The `top` best items that are not `excluded` for two activations [d], best first, ties by the
// lower index. Thread-safe.
ComparedRecommendations CompareRecommendations(const PredictionHead& head,
                                               absl::Span<const float> before,
                                               absl::Span<const float> after, int top,
                                               absl::Span<const int32_t> excluded);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERING_STEERING_H_
