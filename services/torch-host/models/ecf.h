// Explainable collaborative filtering with taste clusters (ECF, Du et al. 2023): items belong to a
// few taste clusters each, users to those of the items they touched.
//
// Item embeddings v and cluster embeddings h: x_ic = M_ic σ(κ cos(v_i, h_c)), where M_i marks the
// few clusters most similar to the item. Users: a_uc = M_uc · mean of x_ic over the training items.
// score(u, i) = <a_u, x_i>: sparse, not negative, each summand one shared taste. The masks pass
// gradients on to a softmax over the clusters (straight-through). Trained from scratch on the sum
// of
//   BPR of the scores,
//   the clusters' informativeness: −log of the share that a cluster's few most typical tags have of
//     all its items' tags, weighted by rarity (tags are the items' attributes),
//   the clusters' independence: cross-entropy of softmax(cos(h_c, h_c')) with the identity.
// docs/baselines.md says which of this is the paper's and which was decided here.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_ECF_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_ECF_H_

#include <memory>
#include <vector>

#include "services/probe/datasets/dataset.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/train/vector_training.h"

namespace recsae::probe {

// options.members models side by side, each with its own initial weights, order and negatives:
// their vectors [clusters] follow each other in those [clusters · members] of the whole, so that
// their scores add up.
class EcfTraining : public VectorTraining {
 public:
  // The data set must outlive it.
  EcfTraining(const RecommenderOptions& options, const Dataset& dataset);
  ~EcfTraining() override;

  double Epoch(int epoch, const EpochTick& tick) override;
  absl::Span<const float> Vectors() override;

 private:
  class Member;

  const RecommenderOptions options_;
  const NegativeSampler negatives_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<float> vectors_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_ECF_H_
