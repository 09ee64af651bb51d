#include "common/sae/batch_top_k.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <tuple>

namespace recsae::sae {
namespace {

// Where an entry is.
struct Candidate {
  float value;
  int32_t list;
  int32_t at;
};

// Closes up the gaps that entries marked with latent -1 leave.
void CloseUp(RowLists& lists) {
  size_t to = 0;
  size_t from = 0;
  for (int32_t& end : lists.ends) {
    for (; from < static_cast<size_t>(end); ++from) {
      if (lists.entries[from].latent >= 0) lists.entries[to++] = lists.entries[from];
    }
    end = static_cast<int32_t>(to);
  }
  lists.entries.resize(to);
}

}  // namespace

float KeepLargestOfBatch(const std::vector<RowLists*>& lists, int64_t wanted) {
  size_t count = 0;
  for (const RowLists* list : lists) count += list->entries.size();
  std::vector<Candidate> candidates;
  candidates.reserve(count);
  for (size_t l = 0; l < lists.size(); ++l) {
    const std::vector<LatentActivation>& entries = lists[l]->entries;
    for (size_t at = 0; at < entries.size(); ++at) {
      candidates.push_back({entries[at].value, static_cast<int32_t>(l), static_cast<int32_t>(at)});
    }
  }
  const auto last = candidates.begin() + std::min(wanted, static_cast<int64_t>(candidates.size()));
  if (last != candidates.end()) {
    std::nth_element(candidates.begin(), last, candidates.end(), [](const auto& a, const auto& b) {
      return std::tuple(-a.value, a.list, a.at) < std::tuple(-b.value, b.list, b.at);
    });
  }
  float least = std::numeric_limits<float>::infinity();
  for (auto kept = candidates.begin(); kept != last; ++kept) least = std::min(least, kept->value);
  for (auto cut = last; cut != candidates.end(); ++cut) {
    lists[static_cast<size_t>(cut->list)]->entries[static_cast<size_t>(cut->at)].latent = -1;
  }
  for (RowLists* list : lists) CloseUp(*list);
  return least;
}

}  // namespace recsae::sae
