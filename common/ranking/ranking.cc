// Ranking and its metrics.
#include "common/ranking/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "Eigen/Core"

namespace recsae {
namespace {

size_t CutoffIndex(int k) {
  const auto& cutoffs = RankingMetrics::kCutoffs;
  return std::find(cutoffs.begin(), cutoffs.end(), k) - cutoffs.begin();
}

// Better score first; NaN after everything, so that the order stays strict.
bool Better(const ScoredItem& a, const ScoredItem& b) {
  if (std::isnan(a.score) != std::isnan(b.score)) return std::isnan(b.score);
  if (a.score != b.score && !std::isnan(a.score)) return a.score > b.score;
  return a.item < b.item;
}

}  // namespace

std::vector<ScoredItem> TopN(absl::Span<const float> scores, int n,
                             absl::Span<const int32_t> excluded) {
  std::vector<bool> masked(scores.size());
  for (const int32_t item : excluded) masked[item] = true;
  // A heap with the worst kept item on top: most scores are refused by one comparison.
  std::vector<ScoredItem> best;
  if (n <= 0) return best;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (masked[i] || scores[i] == -std::numeric_limits<float>::infinity()) continue;
    const ScoredItem candidate{static_cast<int32_t>(i), scores[i]};
    if (best.size() == static_cast<size_t>(n)) {
      if (!Better(candidate, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), Better);
      best.pop_back();
    }
    best.push_back(candidate);
    std::push_heap(best.begin(), best.end(), Better);
  }
  std::sort_heap(best.begin(), best.end(), Better);
  return best;
}

int64_t RankOf(absl::Span<const float> scores, int32_t target, absl::Span<const int32_t> excluded) {
  const float score = scores[target];
  // `!(s < score)`, not `s >= score`: with NaN on either side the target loses.
  int64_t rank = 0;
  for (const float s : scores) rank += !(s < score);
  std::vector<int32_t> masked(excluded.begin(), excluded.end());
  std::sort(masked.begin(), masked.end());
  masked.erase(std::unique(masked.begin(), masked.end()), masked.end());
  for (const int32_t item : masked) {
    if (item != target) rank -= !(scores[item] < score);
  }
  return rank;  // the target itself is the 1
}

void ScoreItems(absl::Span<const float> activation, absl::Span<const float> item_vectors,
                absl::Span<const float> biases, absl::Span<float> scores) {
  using Vector = Eigen::Map<const Eigen::VectorXf>;
  using Rows =
      Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
  const auto items = static_cast<Eigen::Index>(scores.size());
  const auto dim = static_cast<Eigen::Index>(activation.size());
  Eigen::Map<Eigen::VectorXf> out(scores.data(), items);
  out.noalias() = Rows(item_vectors.data(), items, dim) * Vector(activation.data(), dim);
  if (!biases.empty()) out += Vector(biases.data(), items);
}

void ScoreItems(absl::Span<const float> activation, const PredictionHead& head,
                absl::Span<float> scores) {
  ScoreItems(activation, head.vectors, head.biases, scores);
  for (const int32_t item : head.withheld) scores[item] = -std::numeric_limits<float>::infinity();
}

void RankingMetrics::Add(int64_t rank) {
  ++cases_;
  for (size_t c = 0; c < kCutoffs.size(); ++c) {
    if (rank > kCutoffs[c]) continue;
    hits_[c] += 1;
    gain_[c] += 1 / std::log2(1 + static_cast<double>(rank));
  }
}

void RankingMetrics::Merge(const RankingMetrics& other) {
  cases_ += other.cases_;
  for (size_t c = 0; c < kCutoffs.size(); ++c) {
    hits_[c] += other.hits_[c];
    gain_[c] += other.gain_[c];
  }
}

double RankingMetrics::hr(int k) const {
  return cases_ == 0 ? 0 : hits_[CutoffIndex(k)] / static_cast<double>(cases_);
}

double RankingMetrics::ndcg(int k) const {
  return cases_ == 0 ? 0 : gain_[CutoffIndex(k)] / static_cast<double>(cases_);
}

}  // namespace recsae
