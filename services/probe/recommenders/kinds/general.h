// General recommenders, which know users by a vector each, as Recommenders: BPRMF (Rendle 2012),
// LightGCN (He et al. 2020), ECF (Du et al. 2023) and DistillEmb (Zhang et al. 2020). They differ
// in training alone (see general_training.h, distillemb.h, and ecf.h of the torch host).
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_GENERAL_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_GENERAL_H_

#include <memory>
#include <string>
#include <vector>

#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/weights.h"
#include "services/probe/recommenders/train/vector_training.h"

namespace recsae::probe {

class GeneralRecommender : public Recommender {
 public:
  // options.kind: kBprmf, kLightgcn, kEcf (then dim() is its clusters times its members, whatever
  // the options say) or kDistillemb.
  explicit GeneralRecommender(const RecommenderOptions& options);

  absl::StatusOr<TrainReport> Train(const Dataset& dataset, const TrainCallback& callback) override;
  absl::StatusOr<std::vector<float>> Activations(
      absl::Span<const Query> queries, const std::function<bool()>& cancelled) const override;
  const std::vector<float>& item_vectors() const override { return item_vectors_; }
  std::string Save() const override;
  absl::Status Load(const NamedTensors& tensors) override;

 protected:
  // One run of training; the data set outlives it. Here of the kinds that are trained without
  // libtorch; UNIMPLEMENTED (RECOMMENDER_KIND_UNAVAILABLE) for kEcf.
  virtual absl::StatusOr<std::unique_ptr<VectorTraining>> NewTraining(const Dataset& dataset) const;

 private:
  int64_t users() const { return static_cast<int64_t>(user_vectors_.size()) / dim(); }

  // LightGCN's are the propagated ones: the graph is not needed after training. ECF's are the
  // affiliations with the clusters.
  std::vector<float> user_vectors_;  // [users, dim]
  std::vector<float> item_vectors_;  // [items, dim]
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_GENERAL_H_
