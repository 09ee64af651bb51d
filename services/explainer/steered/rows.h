// The rows that steering is chosen and measured on.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERED_ROWS_H_
#define RECSAE_SERVICES_EXPLAINER_STEERED_ROWS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace recsae::explainer {

// A captured recommendation. Items are positions in the catalogue.
struct SteeredCase {
  // Any number; equal for equal users.
  int32_t user = 0;
  // The held-out item; -1 without one.
  int32_t target = -1;
  // Never to be recommended, the history among them.
  std::vector<int32_t> excluded;
  // Oldest first.
  std::vector<int32_t> history;
  // Recommended without steering, best first, as it was captured.
  std::vector<int32_t> ranked;
  // As the recommender's side names the user; "" where it does not.
  std::string user_id;
};

// Activations and what they were captured with.
struct SteeredRows {
  int dim = 0;
  std::vector<float> activations;  // [rows, dim]
  std::vector<SteeredCase> cases;

  int64_t rows() const { return static_cast<int64_t>(cases.size()); }
  std::span<const float> Row(int64_t row) const {
    const auto d = static_cast<size_t>(dim);
    return std::span(activations).subspan(static_cast<size_t>(row) * d, d);
  }
  // The user of each row.
  std::vector<int32_t> Users() const;
  // How many different ones.
  int32_t UserCount() const;
  // Appends those of `other`, of the same dim.
  void Append(const SteeredRows& other);
};

// Keeps a random sample of at most `most` rows (reservoir sampling). Not thread-safe.
class RowSample {
 public:
  RowSample(int dim, int64_t most, uint64_t seed);

  // `x` [dim].
  void Add(std::span<const float> x, SteeredCase added);
  // Rows added, kept or not.
  int64_t seen() const { return seen_; }
  const SteeredRows& rows() const { return rows_; }

 private:
  int64_t most_;
  Random random_;
  int64_t seen_ = 0;
  SteeredRows rows_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERED_ROWS_H_
