// Training of general recommenders: user and item embeddings, which LightGCN propagates and BPRMF
// takes as they are.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_GENERAL_TRAINING_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_GENERAL_TRAINING_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "common/base/random.h"
#include "common/math/worker_pool.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/recommenders/kinds/lightgcn.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/train/dense_adam.h"
#include "services/probe/recommenders/train/running_mean.h"
#include "services/probe/recommenders/train/training.h"
#include "services/probe/recommenders/train/user_item_loss.h"
#include "services/probe/recommenders/train/vector_training.h"

namespace recsae::probe {

// One run of training. Adam; the l2 term is that of the embeddings, all of them at each step. Not
// thread-safe. The weights do not depend on the number of threads.
class GeneralTraining : public VectorTraining {
 public:
  // Embeddings from N(0, 0.01²), LightGCN's Xavier-uniform. The data set must outlive it.
  GeneralTraining(const RecommenderOptions& options, const Dataset& dataset);

  double Epoch(int epoch, const EpochTick& tick) override;
  absl::Span<const float> Vectors() override;

 private:
  struct Interaction {
    int32_t user;
    int32_t item;
  };

  void Initialise();
  double BprStep(absl::Span<const Interaction> interactions);
  double SoftmaxStep(absl::Span<const int32_t> users, double rate);
  double BprEpoch(const EpochTick& tick);
  double SoftmaxEpoch(int epoch, const EpochTick& tick);
  NodeVectors Forward(const float* embeddings);
  // From `gradient_` with respect to the final vectors to a step of the embeddings.
  void Update(double rate);

  const RecommenderOptions options_;
  const Dataset& dataset_;
  const int64_t users_, items_;
  Random random_;
  NegativeSampler negatives_;
  math::WorkerPool pool_;
  std::optional<InteractionGraph> graph_;               // LightGCN
  std::vector<Interaction> interactions_;               // shuffled by BPR
  std::vector<int32_t> active_users_;                   // with interactions; shuffled by softmax
  std::vector<absl::Span<const int32_t>> user_items_;   // [users]
  std::vector<float> embeddings_;                       // [users + items, dim]
  std::vector<float> vectors_, gradient_, propagated_;  // the same shape; LightGCN's
  DenseAdam adam_;
  std::optional<RunningMean> mean_;  // of the embeddings; LightGCN's
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_GENERAL_TRAINING_H_
