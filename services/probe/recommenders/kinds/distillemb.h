// DistillEmb (Zhang et al. 2020): embeddings that learn from an explainable path model, and it from
// them, while both learn from the interactions.
//
// For an interaction (u, i) and an item j that u did not touch, with Δ = s(u, i) − s(u, j) by the
// embeddings e and by the paths p:
//   L = −log σ(Δe) − log σ(Δp) + λ D(e, p),
// and D(e, p) alone for pairs (j, j') that u did not touch: D is KL(σ(Δp) ‖ σ(Δe)) for the
// embeddings and KL(σ(Δe) ‖ σ(Δp)) for the paths, the other side held fixed each time (mutual
// learning). docs/baselines.md says which of this is the paper's and which was decided here.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_DISTILLEMB_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_DISTILLEMB_H_

#include <vector>

#include "common/base/random.h"
#include "common/math/worker_pool.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/recommenders/kinds/path_model.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/train/dense_adam.h"
#include "services/probe/recommenders/train/user_item_loss.h"
#include "services/probe/recommenders/train/vector_training.h"

namespace recsae::probe {

// Vectors are the embeddings; the path model is of use in training alone. The weights do not depend
// on the number of threads.
class DistillembTraining : public VectorTraining {
 public:
  // The data set must outlive it.
  DistillembTraining(const RecommenderOptions& options, const Dataset& dataset);

  double Epoch(int epoch, const EpochTick& tick) override;
  absl::Span<const float> Vectors() override { return embeddings_; }

 private:
  double Step(absl::Span<const Case> cases);
  // 1 − σ(Δp) of each triple.
  std::vector<float> PathSlopes(absl::Span<const Triple> triples);
  void UpdatePaths(absl::Span<const Triple> triples, absl::Span<const float> slopes);

  const RecommenderOptions options_;
  const Dataset& dataset_;
  const int64_t users_, items_;
  Random random_;
  NegativeSampler negatives_;
  math::WorkerPool pool_;
  PathModel paths_;
  std::vector<Case> cases_;                   // training interactions, shuffled
  std::vector<float> embeddings_, gradient_;  // [users + items, dim]
  std::vector<float> path_gradient_;
  DenseAdam adam_, path_adam_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_DISTILLEMB_H_
