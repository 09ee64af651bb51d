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

bool Precedes(const Candidate& a, const Candidate& b) {
  return std::tuple(-a.value, a.list, a.at) < std::tuple(-b.value, b.list, b.at);
}

std::vector<Candidate> AllOf(const std::vector<RowLists*>& lists) {
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
  return candidates;
}

// The weight of each entry of each list.
std::vector<std::vector<float>> EntryWeights(const std::vector<RowLists*>& lists,
                                             const float* weights) {
  std::vector<std::vector<float>> all;
  for (const RowLists* list : lists) {
    std::vector<float>& of_list = all.emplace_back();
    of_list.reserve(list->entries.size());
    for (const int32_t end : list->ends) of_list.resize(static_cast<size_t>(end), *weights++);
  }
  return all;
}

// What is before `last` stays, the rest goes.
float Keep(const std::vector<RowLists*>& lists, const std::vector<Candidate>& candidates,
           std::vector<Candidate>::const_iterator last) {
  float least = std::numeric_limits<float>::infinity();
  for (auto kept = candidates.begin(); kept != last; ++kept) least = std::min(least, kept->value);
  for (auto cut = last; cut != candidates.end(); ++cut) {
    lists[static_cast<size_t>(cut->list)]->entries[static_cast<size_t>(cut->at)].latent = -1;
  }
  for (RowLists* list : lists) CloseUp(*list);
  return least;
}

}  // namespace

float KeepLargestOfBatch(const std::vector<RowLists*>& lists, int64_t wanted) {
  std::vector<Candidate> candidates = AllOf(lists);
  const auto last = candidates.begin() + std::min(wanted, static_cast<int64_t>(candidates.size()));
  if (last != candidates.end()) {
    std::nth_element(candidates.begin(), last, candidates.end(), Precedes);
  }
  return Keep(lists, candidates, last);
}

// Quickselect by weight: the half in which the sum of weights reaches `wanted` is halved again.
float KeepHeaviestOfBatch(const std::vector<RowLists*>& lists, const float* weights,
                          double wanted) {
  std::vector<Candidate> candidates = AllOf(lists);
  const std::vector<std::vector<float>> entries = EntryWeights(lists, weights);
  const auto weight_of = [&entries](const Candidate& c) {
    return double{entries[static_cast<size_t>(c.list)][static_cast<size_t>(c.at)]};
  };
  auto first = candidates.begin();
  auto last = candidates.end();
  double missing = wanted;
  while (last - first > 1) {
    const auto middle = first + (last - first) / 2;
    std::nth_element(first, middle, last, Precedes);
    double before = 0.0;
    for (auto c = first; c != middle; ++c) before += weight_of(*c);
    if (before < missing) {
      missing -= before;
      first = middle;
    } else {
      last = middle;
    }
  }
  // At most one entry is left, the first that may not fit.
  if (first != last && weight_of(*first) <= 2.0 * missing) ++first;
  return Keep(lists, candidates, first);
}

}  // namespace recsae::sae
