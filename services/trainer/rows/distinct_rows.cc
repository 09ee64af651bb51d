#include "services/trainer/rows/distinct_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "common/budget/bytes.h"

namespace recsae::trainer {

int64_t ListBytes(const RowTable& table) {
  return static_cast<int64_t>(table.at.size() * sizeof(int64_t) +
                              table.weights.size() * sizeof(float));
}

size_t DistinctRows::Hash::operator()(int64_t row) const {
  const char* bytes = reinterpret_cast<const char*>(values + static_cast<size_t>(row) * dim);
  return absl::Hash<absl::string_view>()(absl::string_view(bytes, dim * sizeof(float)));
}

bool DistinctRows::Same::operator()(int64_t a, int64_t b) const {
  return std::memcmp(values + static_cast<size_t>(a) * dim, values + static_cast<size_t>(b) * dim,
                     dim * sizeof(float)) == 0;
}

DistinctRows::DistinctRows(int dim, int64_t most)
    : dim_(static_cast<size_t>(dim)),
      most_(most),
      values_(std::make_unique_for_overwrite<float[]>(static_cast<size_t>(most) * dim_)),
      seen_(0, Hash{values_.get(), dim_}, Same{values_.get(), dim_}) {}

void DistinctRows::Add(const float* row) {
  const auto next = static_cast<int64_t>(counts_.size());
  std::copy_n(row, dim_, values_.get() + counts_.size() * dim_);
  const auto [found, inserted] = seen_.insert(next);
  if (inserted) counts_.push_back(0);
  ++counts_[static_cast<size_t>(*found)];
  ++added_;
}

// A list of counts and a table of numbers, each while it grows.
int64_t DistinctRows::ListBytes(int64_t rows) { return Product({rows, 6, sizeof(int64_t)}); }

RowTable DistinctRows::Table() && {
  RowTable table;
  table.rows = static_cast<int64_t>(counts_.size());
  if (table.rows < added_) table.weights.assign(counts_.begin(), counts_.end());
  if (table.rows > most_ / 2) {
    table.values = std::move(values_);
    return table;
  }
  const size_t size = counts_.size() * dim_;
  auto values = std::make_unique_for_overwrite<float[]>(size);
  std::copy_n(values_.get(), size, values.get());
  table.values = std::move(values);
  return table;
}

// Row by row in turns, so that repetitions lie apart and a shuffle of blocks spreads them.
RowTable EpochOf(const RowTable& distinct, int64_t target) {
  if (distinct.weights.empty()) return distinct;
  const double rows = std::accumulate(distinct.weights.begin(), distinct.weights.end(), 0.0);
  const double share = std::min(static_cast<double>(std::max(target, distinct.rows)) / rows, 1.0);
  std::vector<int64_t> times;
  times.reserve(distinct.weights.size());
  for (const float weight : distinct.weights) {
    times.push_back(std::max<int64_t>(1, std::llround(weight * share)));
  }
  RowTable epoch;
  epoch.values = distinct.values;
  epoch.rows = std::accumulate(times.begin(), times.end(), int64_t{0});
  epoch.at.reserve(static_cast<size_t>(epoch.rows));
  std::vector<int64_t> turn(times.size());
  std::iota(turn.begin(), turn.end(), int64_t{0});
  for (int64_t taken = 1; !turn.empty(); ++taken) {
    epoch.at.insert(epoch.at.end(), turn.begin(), turn.end());
    std::erase_if(turn, [&](int64_t row) { return times[static_cast<size_t>(row)] == taken; });
  }
  if (share == 1.0) return epoch;  // each as often as it was there
  const double scale = static_cast<double>(epoch.rows) / rows;
  epoch.weights.reserve(epoch.at.size());
  for (const int64_t row : epoch.at) {
    const auto at = static_cast<size_t>(row);
    epoch.weights.push_back(
        static_cast<float>(distinct.weights[at] / static_cast<double>(times[at]) * scale));
  }
  return epoch;
}

}  // namespace recsae::trainer
