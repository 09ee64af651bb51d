// The rows that dictionaries are described and compared on: activations of recommendations with
// their context, of users who each have one role.
#ifndef SERVICES_EXPLAINER_EVIDENCE_SAMPLE_H_
#define SERVICES_EXPLAINER_EVIDENCE_SAMPLE_H_

#include <array>
#include <cstdint>
#include <span>
#include <unordered_set>
#include <vector>

#include "common/base/random.h"
#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/roles.h"

namespace recsae::explainer {

// Rows of one role.
struct SampledRows {
  std::vector<float> activations;  // [rows, dim]
  std::vector<Case> cases;

  int64_t rows() const { return static_cast<int64_t>(cases.size()); }
};

inline constexpr size_t kMostDistinct = size_t{1} << 20;

// Keeps a random sample of bounded size for each role (reservoir sampling: every row of a role has
// the same chance). Not thread-safe.
class Sample {
 public:
  // `most`: rows to keep, by role.
  Sample(int dim, const std::array<int64_t, kRoles>& most, uint64_t seed);

  // `x` [dim]. A case without ranked items tells nothing and is left out.
  void Add(std::span<const float> x, Case added);

  int dim() const { return dim_; }
  // Of the division of users and items.
  uint64_t seed() const { return seed_; }
  const SampledRows& Of(Role role) const { return rows_[static_cast<size_t>(role)]; }
  // Users of that role whose rows were kept.
  int32_t Users(Role role) const;
  // Activations that differ from each other among all rows added, counted up to kMostDistinct.
  int64_t distinct() const { return static_cast<int64_t>(distinct_.size()); }

 private:
  int dim_;
  std::array<int64_t, kRoles> most_;
  uint64_t seed_;
  Random random_;
  std::array<SampledRows, kRoles> rows_;
  std::array<int64_t, kRoles> seen_ = {};
  std::unordered_set<uint64_t> distinct_;  // hashes
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_EVIDENCE_SAMPLE_H_
