#include "services/explainer/steered/lists.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/ranking/ranking.h"

namespace recsae::explainer {
namespace {

// Scores held at a time.
constexpr int64_t kMostScores = 1 << 18;

void AddBiases(const PredictionHead& head, std::span<float> scores) {
  for (size_t i = 0; i < head.biases.size(); ++i) scores[i] += head.biases[i];
  for (const int32_t item : head.withheld) {
    scores[static_cast<size_t>(item)] = -std::numeric_limits<float>::infinity();
  }
}

void RankRow(std::span<const float> scores, const SteeredCase& row, Lists& lists) {
  std::vector<int32_t>& ten = lists.tens.emplace_back();
  for (const ScoredItem& item : TopN(scores, kListLength, row.excluded)) ten.push_back(item.item);
  lists.ranks.push_back(row.target < 0 ? 0 : RankOf(scores, row.target, row.excluded));
}

}  // namespace

std::vector<double> Lists::Gains() const {
  std::vector<double> gains;
  gains.reserve(ranks.size());
  for (const int64_t rank : ranks) {
    const bool hit = rank > 0 && rank <= kListLength;
    gains.push_back(hit ? 1 / std::log2(1 + static_cast<double>(rank)) : 0);
  }
  return gains;
}

absl::StatusOr<Lists> RankRows(const PredictionHead& head, std::span<const float> vectors,
                               const SteeredRows& rows, sae::Alive alive) {
  Lists lists;
  lists.tens.reserve(rows.cases.size());
  lists.ranks.reserve(rows.cases.size());
  const int64_t items = head.items();
  const int64_t block = std::clamp<int64_t>(kMostScores / std::max<int64_t>(items, 1), 1, 64);
  std::vector<float> scores(static_cast<size_t>(block * items));
  for (int64_t begin = 0; begin < rows.rows(); begin += block) {
    RECSAE_RETURN_IF_ERROR(alive());
    const int64_t count = std::min(block, rows.rows() - begin);
    math::Sgemm(math::Transpose::kNo, math::Transpose::kYes, count, items, head.dim,
                vectors.data() + begin * head.dim, head.vectors.data(), 0.0f, scores.data());
    for (int64_t i = 0; i < count; ++i) {
      const std::span<float> row(scores.data() + i * items, static_cast<size_t>(items));
      AddBiases(head, row);
      RankRow(row, rows.cases[static_cast<size_t>(begin + i)], lists);
    }
  }
  return lists;
}

double InterListDiversity(const Lists& lists, int items) {
  // Pairs that share an item, item by item: no pair has to be looked at.
  std::vector<double> holders(static_cast<size_t>(items));
  for (const std::vector<int32_t>& ten : lists.tens) {
    for (const int32_t item : ten) holders[static_cast<size_t>(item)] += 1;
  }
  const auto rows = static_cast<double>(lists.tens.size());
  if (rows < 2) return 0;
  double shared = 0;
  for (const double count : holders) shared += count * (count - 1) / 2;
  return 1 - shared / (rows * (rows - 1) / 2) / kListLength;
}

}  // namespace recsae::explainer
