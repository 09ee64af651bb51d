#include "common/sae/batch_top_k.h"

#include <algorithm>
#include <cstddef>
#include <functional>
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

// Takes away all entries but the wanted ones, which are asked for in the order of the rows.
template <typename Wanted>
void KeepWanted(const std::vector<RowLists*>& lists, const Wanted& wanted) {
  for (RowLists* list : lists) {
    LatentActivation* entries = list->entries.data();
    size_t from = 0;
    size_t to = 0;
    for (int32_t& end : list->ends) {
      for (; from < static_cast<size_t>(end); ++from) {
        // Without a branch: which ones stay cannot be foretold.
        const bool stays = wanted(entries[from]);
        entries[to] = entries[from];
        to += stays ? 1 : 0;
      }
      end = static_cast<int32_t>(to);
    }
    list->entries.resize(to);
  }
}

// What is before `last` stays, the rest goes.
float Keep(const std::vector<RowLists*>& lists, const std::vector<Candidate>& candidates,
           std::vector<Candidate>::const_iterator last) {
  float least = std::numeric_limits<float>::infinity();
  for (auto kept = candidates.begin(); kept != last; ++kept) least = std::min(least, kept->value);
  for (auto cut = last; cut != candidates.end(); ++cut) {
    lists[static_cast<size_t>(cut->list)]->entries[static_cast<size_t>(cut->at)].latent = -1;
  }
  KeepWanted(lists, [](const LatentActivation& entry) { return entry.latent >= 0; });
  return least;
}

}  // namespace

float KeepLargestOfBatch(const std::vector<RowLists*>& lists, int64_t wanted) {
  std::vector<float> values;
  size_t count = 0;
  for (const RowLists* list : lists) count += list->entries.size();
  values.reserve(count);
  for (const RowLists* list : lists) {
    for (const LatentActivation& entry : list->entries) values.push_back(entry.value);
  }
  if (values.empty() || wanted <= 0) {
    for (RowLists* list : lists) KeepWanted({list}, [](const auto&) { return false; });
    return std::numeric_limits<float>::infinity();
  }
  if (static_cast<int64_t>(count) <= wanted) return *std::min_element(values.begin(), values.end());
  const auto last = values.begin() + (wanted - 1);
  std::nth_element(values.begin(), last, values.end(), std::greater<>());
  const float least = *last;
  // Of those that tie for the last place the first ones stay.
  int64_t ties = 1 + std::count(values.begin(), last, least);
  KeepWanted(lists, [least, &ties](const LatentActivation& entry) {
    return entry.value > least || (entry.value == least && ties-- > 0);
  });
  return least;
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
