#include "services/explainer/steered/rows.h"

#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <utility>

#include "common/base/reservoir.h"

namespace recsae::explainer {
namespace {

constexpr uint64_t kSampleStream = 61;

}  // namespace

std::vector<int32_t> SteeredRows::Users() const {
  std::vector<int32_t> users;
  users.reserve(cases.size());
  for (const SteeredCase& row : cases) users.push_back(row.user);
  return users;
}

int32_t SteeredRows::UserCount() const {
  std::unordered_set<int32_t> users;
  for (const SteeredCase& row : cases) users.insert(row.user);
  return static_cast<int32_t>(users.size());
}

void SteeredRows::Append(const SteeredRows& other) {
  activations.insert(activations.end(), other.activations.begin(), other.activations.end());
  cases.insert(cases.end(), other.cases.begin(), other.cases.end());
}

RowSample::RowSample(int dim, int64_t most, uint64_t seed)
    : most_(most), random_(seed, kSampleStream) {
  rows_.dim = dim;
}

void RowSample::Add(std::span<const float> x, SteeredCase added) {
  const int64_t place = ReservoirPlace(seen_++, most_, random_);
  if (place < 0) return;
  if (place == rows_.rows()) {
    rows_.activations.insert(rows_.activations.end(), x.begin(), x.end());
    rows_.cases.push_back(std::move(added));
    return;
  }
  std::copy(x.begin(), x.end(), rows_.activations.begin() + place * rows_.dim);
  rows_.cases[static_cast<size_t>(place)] = std::move(added);
}

}  // namespace recsae::explainer
