// BPRMF (Rendle 2012) as a Recommender: score = <user embedding, item embedding>.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_BPRMF_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_BPRMF_H_

#include <memory>
#include <string>
#include <vector>

#include "services/probe/recommenders/recommender.h"
#include "services/probe/recommenders/weights.h"

namespace recsae::probe {

class Bprmf : public Recommender {
 public:
  explicit Bprmf(const RecommenderOptions& options) : Recommender(options) {}

  absl::StatusOr<TrainReport> Train(const Dataset& dataset, const TrainCallback& callback) override;
  absl::StatusOr<std::vector<float>> Activations(
      absl::Span<const Query> queries, const std::function<bool()>& cancelled) const override;
  const std::vector<float>& item_vectors() const override { return item_vectors_; }
  std::string Save() const override;
  absl::Status Load(const NamedTensors& tensors) override;

 private:
  int64_t users() const { return static_cast<int64_t>(user_vectors_.size()) / dim(); }

  std::vector<float> user_vectors_;  // [users, dim]
  std::vector<float> item_vectors_;  // [items, dim]
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_BPRMF_H_
