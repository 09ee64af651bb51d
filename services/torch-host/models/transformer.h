// SASRec, GPT and BERT4Rec as Recommenders: what they share is all but their blocks and inputs.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_TRANSFORMER_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_TRANSFORMER_H_

#include <memory>
#include <string>
#include <vector>

#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/weights.h"

namespace recsae::probe {

class TransformerNetwork;

class Transformer : public Recommender {
 public:
  explicit Transformer(const RecommenderOptions& options);
  ~Transformer() override;

  absl::StatusOr<TrainReport> Train(const Dataset& dataset, const TrainCallback& callback) override;
  absl::StatusOr<std::vector<float>> Activations(
      absl::Span<const Query> queries, const std::function<bool()>& cancelled) const override;
  const std::vector<float>& item_vectors() const override { return item_vectors_; }
  std::string Save() const override;
  absl::Status Load(const NamedTensors& tensors) override;

 protected:
  // "embedding", "layers.0", "layers.1", ...; SASRec's and BERT4Rec's last layer's output at the
  // last position is the activation, GPT's has a norm to go through. BERT4Rec's are not
  // per_position: its items see what comes after them, and the mask token's row is the only one
  // that holds a history up to there.
  std::vector<ProbeSite> InnerSites() const override;
  absl::StatusOr<std::vector<float>> InnerActivations(
      size_t site, Positions positions, absl::Span<const Query> queries,
      const std::function<bool()>& cancelled) const override;
  absl::StatusOr<std::vector<float>> ResumeInner(
      size_t site, absl::Span<const Query> queries, absl::Span<const float> activations,
      const std::function<bool()>& cancelled) const override;

 private:
  // Sees the output of a site for a part of the queries, from number `first` on: float [queries,
  // Length(), dim], right-aligned. False: that was all, the activations are of no use.
  using SiteTap = std::function<bool(size_t site, size_t first, absl::Span<const Query> queries,
                                     float* output)>;
  // The same for one such part.
  using PartTap = std::function<bool(size_t site, float* output)>;
  // BERT4Rec's, where a mask token at the end stands for what is to be predicted.
  bool masked() const;
  // Positions of the network.
  int Length() const { return options_.history + (masked() ? 1 : 0); }
  void SetItemVectors();
  absl::StatusOr<std::vector<float>> RunTapped(absl::Span<const Query> queries,
                                               const std::function<bool()>& cancelled,
                                               const SiteTap& tap) const;
  void ActivateBatch(absl::Span<const Query> queries, const PartTap& tap, float* activations) const;

  std::unique_ptr<TransformerNetwork> network_;
  std::vector<float> item_vectors_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_TRANSFORMER_H_
