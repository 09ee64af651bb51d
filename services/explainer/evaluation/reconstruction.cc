// Fidelity of reconstructions.
#include "services/explainer/evaluation/reconstruction.h"

#include <cstddef>
#include <span>

#include "services/explainer/evaluation/rank_biased_overlap.h"

namespace recsae::explainer {
namespace {

constexpr int kOverlapDepth = 10;
constexpr double kPersistence = 0.9;

std::vector<int32_t> TopItems(const std::vector<float>& scores,
                              absl::Span<const int32_t> excluded) {
  std::vector<int32_t> items;
  for (const ScoredItem& best : TopN(scores, kOverlapDepth, excluded)) items.push_back(best.item);
  return items;
}

}  // namespace

ReconstructionEvaluation::ReconstructionEvaluation(
    const sae::SaeModel& sae, const PredictionHead& head, const ItemPopularity& popularity,
    absl::Span<const std::vector<int32_t>> attributes)
    : sae_(sae),
      head_(head),
      recommender_lists_(popularity, attributes, head.withheld),
      reconstructed_lists_(popularity, attributes, head.withheld),
      metrics_(sae.dim(), sae.latents()),
      reconstruction_(sae.dim()),
      scores_(head.items()),
      reconstructed_scores_(head.items()) {}

void ReconstructionEvaluation::Add(absl::Span<const float> x,
                                   absl::Span<const sae::LatentActivation> code, int32_t target,
                                   absl::Span<const int32_t> excluded) {
  AddRow(x, code);
  Rank(x, reconstruction_, target, excluded);
}

void ReconstructionEvaluation::AddInner(absl::Span<const float> x,
                                        absl::Span<const sae::LatentActivation> code,
                                        absl::Span<const float> user,
                                        absl::Span<const float> reconstructed_user, int32_t target,
                                        absl::Span<const int32_t> excluded) {
  AddRow(x, code);
  Rank(user, reconstructed_user, target, excluded);
}

void ReconstructionEvaluation::AddRow(absl::Span<const float> x,
                                      absl::Span<const sae::LatentActivation> code) {
  sae_.Decode(std::span(code.data(), code.size()), reconstruction_.data());
  metrics_.AddRow(x.data(), reconstruction_.data(), std::span(code.data(), code.size()));
}

void ReconstructionEvaluation::Rank(absl::Span<const float> user,
                                    absl::Span<const float> reconstructed_user, int32_t target,
                                    absl::Span<const int32_t> excluded) {
  if (target < 0) return;
  ScoreItems(user, head_, absl::MakeSpan(scores_));
  ScoreItems(reconstructed_user, head_, absl::MakeSpan(reconstructed_scores_));
  candidates_.Add(CountCandidates(head_.items(), target, excluded, head_.withheld));
  recommender_.Add(RankOf(scores_, target, excluded));
  reconstructed_.Add(RankOf(reconstructed_scores_, target, excluded));
  const std::vector<int32_t> top = TopItems(scores_, excluded);
  const std::vector<int32_t> reconstructed_top = TopItems(reconstructed_scores_, excluded);
  rbo_sum_ += RankBiasedOverlap(top, reconstructed_top, kPersistence);
  recommender_lists_.Add(top);
  reconstructed_lists_.Add(reconstructed_top);
}

double ReconstructionEvaluation::rbo() const {
  return recommender_.cases() == 0 ? 0 : rbo_sum_ / static_cast<double>(recommender_.cases());
}

}  // namespace recsae::explainer
