// ROC AUC of latents and dimensions for attributes, by rank sums.
#include "services/explainer/evaluation/attribute_scores.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "common/base/status.h"
#include "common/math/sort.h"

namespace recsae::explainer {
namespace {

// A row and its score.
using Scored = std::pair<float, int64_t>;

// AUC of one scorer for every attribute (Mann-Whitney: from the sum of the positives' mid-ranks).
// Only rows in `scored` have scores other than 0, so that the cost is that of the scored rows.
class RankSums {
 public:
  RankSums(const AttributeTable& table, const std::vector<int64_t>& positives)
      : table_(table), positives_(positives), sums_(positives.size()) {}

  // Leaves the result in auc(). `alive` as math::SortWhile.
  absl::Status Score(std::vector<Scored>& scored, absl::FunctionRef<absl::Status()> alive) {
    RECSAE_RETURN_IF_ERROR(math::SortWhile(scored.begin(), scored.end(), std::less<>(), alive));
    const int64_t rows = table_.rows();
    const auto below = static_cast<int64_t>(
        std::lower_bound(scored.begin(), scored.end(), Scored{0.0f, -1}) - scored.begin());
    const int64_t zeros = rows - static_cast<int64_t>(scored.size());
    // Rows without an entry stand together at the place of 0.
    const double zero_rank = static_cast<double>(below) + (static_cast<double>(zeros) + 1) / 2;
    std::fill(sums_.begin(), sums_.end(), 0.0);
    for (size_t begin = 0; begin < scored.size();) {
      size_t end = begin;
      while (end < scored.size() && scored[end].first == scored[begin].first) ++end;
      const auto skipped = static_cast<int64_t>(begin) >= below ? zeros : 0;
      const double rank = static_cast<double>(skipped) + static_cast<double>(begin + 1 + end) / 2;
      for (; begin < end; ++begin) {
        for (const int32_t attribute : table_.row_attributes[scored[begin].second]) {
          sums_[attribute] += rank - zero_rank;
        }
      }
    }
    for (size_t a = 0; a < sums_.size(); ++a) {
      const auto p = static_cast<double>(positives_[a]);
      const double negatives = static_cast<double>(rows) - p;
      if (p == 0 || negatives == 0) continue;
      sums_[a] = (sums_[a] + p * zero_rank - p * (p + 1) / 2) / (p * negatives);
    }
    return absl::OkStatus();
  }

  const std::vector<double>& auc() const { return sums_; }

 private:
  const AttributeTable& table_;
  const std::vector<int64_t>& positives_;
  std::vector<double> sums_;
};

// The rows on which each latent is active.
std::vector<std::vector<Scored>> RowsByLatent(const AttributeTable& table) {
  std::vector<std::vector<Scored>> rows(table.latents);
  for (int64_t row = 0; row < table.rows(); ++row) {
    for (const sae::LatentActivation& active : table.codes[row]) {
      // A kept zero is as good as none, and must tie with the others.
      if (active.value != 0) rows[active.latent].push_back({active.value, row});
    }
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<AttributeAuc>> ScoreAttributes(
    const AttributeTable& table, int64_t min_positives,
    const std::function<absl::Status()>& interrupted) {
  std::vector<int64_t> positives(table.attributes);
  for (const std::vector<int32_t>& attributes : table.row_attributes) {
    for (const int32_t attribute : attributes) ++positives[attribute];
  }
  std::vector<AttributeAuc> results;
  for (int32_t a = 0; a < table.attributes; ++a) {
    if (positives[a] < std::max<int64_t>(min_positives, 1) || positives[a] == table.rows()) {
      continue;
    }
    results.push_back({a, positives[a], 0, 0, 0, 0});
  }
  if (results.empty()) return results;

  RankSums rank_sums(table, positives);
  std::vector<std::vector<Scored>> by_latent = RowsByLatent(table);
  for (int32_t latent = 0; latent < table.latents; ++latent) {
    RECSAE_RETURN_IF_ERROR(rank_sums.Score(by_latent[latent], interrupted));
    const std::vector<double>& auc = rank_sums.auc();
    for (AttributeAuc& result : results) {
      if (auc[result.attribute] <= result.latent_auc) continue;
      result.latent = latent;
      result.latent_auc = auc[result.attribute];
    }
  }
  std::vector<Scored> scored(table.rows());
  for (int32_t dimension = 0; dimension < table.dim; ++dimension) {
    for (int64_t row = 0; row < table.rows(); ++row) {
      scored[row] = {table.activations[row * table.dim + dimension], row};
    }
    RECSAE_RETURN_IF_ERROR(rank_sums.Score(scored, interrupted));
    const std::vector<double>& auc = rank_sums.auc();
    for (AttributeAuc& result : results) {
      const double either_sign = std::max(auc[result.attribute], 1 - auc[result.attribute]);
      if (either_sign <= result.dimension_auc) continue;
      result.dimension = dimension;
      result.dimension_auc = either_sign;
    }
  }
  return results;
}

}  // namespace recsae::explainer
