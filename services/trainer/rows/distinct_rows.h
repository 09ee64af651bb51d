// Rows that are the same, counted.
#ifndef RECSAE_SERVICES_TRAINER_ROWS_DISTINCT_ROWS_H_
#define RECSAE_SERVICES_TRAINER_ROWS_DISTINCT_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace recsae::trainer {

// Rows as a pass over them sends them; immutable.
struct RowTable {
  int64_t rows = 0;
  std::shared_ptr<const float[]> values;  // [any, dim]
  std::vector<int64_t> at = {};           // [rows]: which of the values; empty = 0, 1, 2, ...
  std::vector<float> weights = {};        // [rows]: what each counts; empty = 1 each
};

// Bytes beside its values.
int64_t ListBytes(const RowTable& table);

// Collapses rows that are the same to the byte. Not thread-safe.
class DistinctRows {
 public:
  // For up to `most` rows of `dim` values.
  DistinctRows(int dim, int64_t most);
  DistinctRows(const DistinctRows&) = delete;
  DistinctRows& operator=(const DistinctRows&) = delete;

  void Add(const float* row);

  // Bytes that it takes beside the values of the rows, at most.
  static int64_t ListBytes(int64_t rows);

  // Each once, in the order in which they first came, weighing as many rows as it stands for.
  RowTable Table() &&;

 private:
  // Of rows of values_ by their number. A row that is there already is looked for where the next
  // new one would be.
  struct Hash {
    const float* values;
    size_t dim;
    size_t operator()(int64_t row) const;
  };
  struct Same {
    const float* values;
    size_t dim;
    bool operator()(int64_t a, int64_t b) const;
  };

  const size_t dim_;
  const int64_t most_;
  int64_t added_ = 0;
  // Memory that is not written to is not there, so that few distinct rows take little of it.
  std::unique_ptr<float[]> values_;
  std::vector<int64_t> counts_;
  absl::flat_hash_set<int64_t, Hash, Same> seen_;
};

// An epoch over `distinct` rows (RowCache::epochs), of about as many rows as `target` says: at
// least all distinct ones once, at most each as often as it weighs.
RowTable EpochOf(const RowTable& distinct, int64_t target);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_ROWS_DISTINCT_ROWS_H_
