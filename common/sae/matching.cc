#include "common/sae/matching.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/math/matrix.h"

namespace recsae::sae {
namespace {

constexpr int32_t kNone = -1;

// Assigns rows to columns, rows <= cols. The cost of a pair is minus its similarity; prices keep
// cost(i, j) − row_price(i) − col_price(j) >= 0, and = 0 for the pairs that are assigned.
class Assigner {
 public:
  Assigner(std::span<const float> similarity, int64_t rows, int64_t cols)
      : similarity_(similarity),
        rows_(rows),
        cols_(cols),
        row_price_(static_cast<size_t>(rows)),
        col_price_(static_cast<size_t>(cols)),
        col_of_(static_cast<size_t>(rows), kNone),
        row_of_(static_cast<size_t>(cols), kNone),
        distance_(static_cast<size_t>(cols)),
        before_(static_cast<size_t>(cols)) {}

  // For each row its column.
  absl::StatusOr<std::vector<int32_t>> Run(const MatchingProgress& progress) {
    int64_t done = AssignFreeFavourites();
    for (int64_t row = 0; row < rows_; ++row) {
      if (col_of_[row] != kNone) continue;
      RECSAE_RETURN_IF_ERROR(progress(done++, rows_));
      Augment(static_cast<int32_t>(row));
    }
    RECSAE_RETURN_IF_ERROR(progress(rows_, rows_));
    return std::move(col_of_);
  }

 private:
  const float* Row(int64_t row) const { return similarity_.data() + row * cols_; }

  // Each row gets the column most similar to it while that is free. Returns how many.
  int64_t AssignFreeFavourites() {
    int64_t assigned = 0;
    for (int64_t row = 0; row < rows_; ++row) {
      const float* begin = Row(row);
      const auto col = std::max_element(begin, begin + cols_) - begin;
      row_price_[row] = -begin[col];
      if (row_of_[col] != kNone) continue;
      row_of_[col] = static_cast<int32_t>(row);
      col_of_[row] = static_cast<int32_t>(col);
      ++assigned;
    }
    return assigned;
  }

  // Finds the cheapest way to a free column by handing assigned ones on (Dijkstra over reduced
  // costs), adapts the prices and reassigns along the way.
  void Augment(int32_t start) {
    std::fill(distance_.begin(), distance_.end(), std::numeric_limits<double>::infinity());
    open_.resize(static_cast<size_t>(cols_));
    std::iota(open_.begin(), open_.end(), 0);
    closed_.clear();
    double reached = 0.0;
    int32_t row = start;
    int32_t end = kNone;
    while (end == kNone) {
      const size_t nearest = Relax(row, reached);
      const int32_t col = open_[nearest];
      reached = distance_[col];
      closed_.push_back(col);
      open_.erase(open_.begin() + static_cast<ptrdiff_t>(nearest));
      if (row_of_[col] == kNone) end = col;
      row = row_of_[col];
    }
    AdaptPrices(start, reached);
    for (int32_t col = end, moved = kNone; moved != start;) {
      moved = before_[col];
      row_of_[col] = moved;
      std::swap(col_of_[moved], col);
    }
  }

  // Shortens the open columns' distances by way of `row`, at distance `reached`. Returns the place
  // in open_ of the nearest, a free one where several are.
  size_t Relax(int32_t row, double reached) {
    const float* similarity = Row(row);
    const double base = reached - row_price_[row];
    double shortest = std::numeric_limits<double>::infinity();
    size_t nearest = 0;
    for (size_t i = 0; i < open_.size(); ++i) {
      const int32_t col = open_[i];
      const double through = base - similarity[col] - col_price_[col];
      if (through < distance_[col]) {
        distance_[col] = through;
        before_[col] = row;
      }
      const double distance = distance_[col];
      if (distance < shortest ||
          (distance == shortest && row_of_[col] == kNone && row_of_[open_[nearest]] != kNone)) {
        shortest = distance;
        nearest = i;
      }
    }
    return nearest;
  }

  void AdaptPrices(int32_t start, double reached) {
    row_price_[start] += reached;
    for (const int32_t col : closed_) {
      const double slack = reached - distance_[col];
      col_price_[col] -= slack;
      if (row_of_[col] != kNone) row_price_[row_of_[col]] += slack;
    }
  }

  const std::span<const float> similarity_;
  const int64_t rows_;
  const int64_t cols_;
  std::vector<double> row_price_;
  std::vector<double> col_price_;
  std::vector<int32_t> col_of_;  // [rows], kNone while free
  std::vector<int32_t> row_of_;  // [cols]
  // Of the search under way: distance of each column and the row it is reached from; columns that
  // are still open, ascending, and those whose distance is final.
  std::vector<double> distance_;
  std::vector<int32_t> before_;
  std::vector<int32_t> open_;
  std::vector<int32_t> closed_;
};

// The rows at length 1; those of zeros stay.
std::vector<float> UnitRows(std::span<const float> matrix, int dim) {
  std::vector<float> rows(matrix.begin(), matrix.end());
  const std::vector<double> norms = math::RowNorms(matrix, dim);
  for (size_t i = 0; i < rows.size(); ++i) {
    const double norm = norms[i / static_cast<size_t>(dim)];
    if (norm > 0) rows[i] = static_cast<float>(rows[i] / norm);
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<int32_t>> MaximalAssignment(std::span<const float> similarity,
                                                       int64_t rows, int64_t cols,
                                                       const MatchingProgress& progress) {
  if (rows <= cols) return Assigner(similarity, rows, cols).Run(progress);
  const std::vector<float> transposed = math::Transposed(similarity, rows, cols);
  RECSAE_ASSIGN_OR_RETURN(const std::vector<int32_t> row_of,
                          Assigner(transposed, cols, rows).Run(progress));
  std::vector<int32_t> col_of(static_cast<size_t>(rows), kNone);
  for (int64_t col = 0; col < cols; ++col) col_of[row_of[col]] = static_cast<int32_t>(col);
  return col_of;
}

absl::StatusOr<Matching> MatchDirections(std::span<const float> a, std::span<const float> b,
                                         int dim, const MatchingProgress& progress) {
  const auto rows = static_cast<int64_t>(a.size()) / dim;
  const auto cols = static_cast<int64_t>(b.size()) / dim;
  std::vector<float> cosines(static_cast<size_t>(rows * cols));
  math::Sgemm(math::Transpose::kNo, math::Transpose::kYes, rows, cols, dim, UnitRows(a, dim).data(),
              UnitRows(b, dim).data(), 0.0f, cosines.data());
  RECSAE_ASSIGN_OR_RETURN(std::vector<int32_t> partner,
                          MaximalAssignment(cosines, rows, cols, progress));
  Matching matching{std::move(partner), std::vector<float>(static_cast<size_t>(rows))};
  for (int64_t i = 0; i < rows; ++i) {
    const int32_t j = matching.partner[i];
    if (j != kNone) matching.cosine[i] = std::clamp(cosines[i * cols + j], -1.0f, 1.0f);
  }
  return matching;
}

MatchingSummary Summarise(const Matching& matching) {
  std::vector<float> cosines;
  for (size_t i = 0; i < matching.partner.size(); ++i) {
    if (matching.partner[i] != kNone) cosines.push_back(matching.cosine[i]);
  }
  MatchingSummary summary;
  summary.pairs = static_cast<int64_t>(cosines.size());
  if (cosines.empty()) return summary;
  std::sort(cosines.begin(), cosines.end());
  const auto n = static_cast<double>(cosines.size());
  const size_t middle = cosines.size() / 2;
  const auto above = [&](float limit) {
    return static_cast<double>(cosines.end() -
                               std::upper_bound(cosines.begin(), cosines.end(), limit)) /
           n;
  };
  summary.mean_cosine = std::accumulate(cosines.begin(), cosines.end(), 0.0) / n;
  summary.median_cosine = cosines.size() % 2 == 1
                              ? double{cosines[middle]}
                              : (double{cosines[middle - 1]} + cosines[middle]) / 2;
  summary.above_7 = above(0.7f);
  summary.above_9 = above(0.9f);
  return summary;
}

}  // namespace recsae::sae
