#include "services/explainer/evidence/sample.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/hash/hash.h"
#include "common/base/reservoir.h"

namespace recsae::explainer {
namespace {

constexpr uint64_t kSampleStream = 12;

}  // namespace

Sample::Sample(int dim, const std::array<int64_t, kRoles>& most, uint64_t seed)
    : dim_(dim), most_(most), seed_(seed), random_(seed, kSampleStream) {}

void Sample::Add(std::span<const float> x, Case added) {
  if (added.ranked.empty()) return;
  if (distinct_.size() < kMostDistinct) {
    distinct_.insert(absl::HashOf(absl::Span<const float>(x.data(), x.size())));
  }
  const auto role = static_cast<size_t>(RoleOf(seed_, added.user));
  SampledRows& rows = rows_[role];
  const int64_t place = ReservoirPlace(seen_[role]++, most_[role], random_);
  if (place < 0) return;
  if (place == rows.rows()) {
    rows.activations.insert(rows.activations.end(), x.begin(), x.end());
    rows.cases.push_back(std::move(added));
    return;
  }
  std::copy(x.begin(), x.end(), rows.activations.begin() + place * dim_);
  rows.cases[static_cast<size_t>(place)] = std::move(added);
}

int32_t Sample::Users(Role role) const {
  std::unordered_set<int32_t> users;
  for (const Case& row : Of(role).cases) users.insert(row.user);
  return static_cast<int32_t>(users.size());
}

}  // namespace recsae::explainer
