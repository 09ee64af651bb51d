// SASRec as a Recommender.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_SASREC_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_SASREC_H_

#include <memory>
#include <string>
#include <vector>

#include "services/probe/recommenders/recommender.h"
#include "services/probe/recommenders/weights.h"

namespace recsae::probe {

class SasrecNetwork;

class Sasrec : public Recommender {
 public:
  explicit Sasrec(const RecommenderOptions& options);
  ~Sasrec() override;

  absl::StatusOr<TrainReport> Train(const Dataset& dataset, const TrainCallback& callback) override;
  absl::StatusOr<std::vector<float>> Activations(
      absl::Span<const Query> queries, const std::function<bool()>& cancelled) const override;
  const std::vector<float>& item_vectors() const override { return item_vectors_; }
  std::string Save() const override;
  absl::Status Load(const NamedTensors& tensors) override;

 private:
  class Training;
  void SetItemVectors();
  void ActivateBatch(absl::Span<const Query> queries, float* activations) const;

  std::unique_ptr<SasrecNetwork> network_;
  std::vector<float> item_vectors_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_SASREC_H_
