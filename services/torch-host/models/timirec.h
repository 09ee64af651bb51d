// TiMiRec (Wang et al. 2022), both stages, as a Recommender.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_H_

#include <memory>
#include <string>
#include <vector>

#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/weights.h"

namespace recsae::probe {

class TimirecNetwork;

// Stage 1 trains the extractor: the interest with the largest dot product with the target item is
// the user vector; on dev an item's score is the largest over the interests. Stage 2 trains
// everything: the user vector, which is the activation, is the sum of the interests weighed by the
// GRU, and
//   loss = item loss + tau² · KL(softmax(c / tau) || softmax(logits / tau))
// where c_k is the cosine of the target item's vector and interest k, taken as given.
//
// Epochs are told and counted through both stages; the best epoch and its NDCG are stage 2's, while
// stage 1 lasts its own.
class Timirec : public Recommender {
 public:
  explicit Timirec(const RecommenderOptions& options);
  ~Timirec() override;

  absl::StatusOr<TrainReport> Train(const Dataset& dataset, const TrainCallback& callback) override;
  absl::StatusOr<std::vector<float>> Activations(
      absl::Span<const Query> queries, const std::function<bool()>& cancelled) const override;
  const std::vector<float>& item_vectors() const override { return item_vectors_; }
  std::string Save() const override;
  absl::Status Load(const NamedTensors& tensors) override;

 private:
  absl::StatusOr<TrainReport> Pretrain(const Dataset& dataset, const TrainCallback& callback);
  absl::StatusOr<TrainReport> FineTune(const Dataset& dataset, const TrainCallback& callback);
  double InterestNdcg(const Dataset& dataset) const;
  void SetItemVectors();

  std::unique_ptr<TimirecNetwork> network_;
  std::vector<float> item_vectors_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_TIMIREC_H_
