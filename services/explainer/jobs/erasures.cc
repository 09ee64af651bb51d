#include "services/explainer/jobs/erasures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "common/base/status.h"
#include "services/explainer/evidence/attribute_probes.h"
#include "services/explainer/evidence/described.h"

namespace recsae::explainer {
namespace {

constexpr int kLabels = 3;  // the first recommended, those recommended, those read

// Leads of the groups that a set of items describes, the best described first.
std::vector<int32_t> DescribedGroups(const std::vector<LatentResult>& results) {
  std::vector<int32_t> leads;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].outcome != LatentResult::Outcome::kDescribed) continue;
    if (results[i].group != static_cast<int32_t>(i) || results[i].description.set < 0) continue;
    leads.push_back(static_cast<int32_t>(i));
  }
  const auto told = [&](int32_t lead) {
    return std::abs(results[static_cast<size_t>(lead)].description.correlation);
  };
  std::stable_sort(leads.begin(), leads.end(),
                   [&](int32_t a, int32_t b) { return told(a) > told(b); });
  return leads;
}

float ShareIn(const std::vector<bool>& holds, std::span<const int32_t> items) {
  if (items.empty()) return 0;
  const auto held = std::count_if(items.begin(), items.end(),
                                  [&](int32_t item) { return holds[static_cast<size_t>(item)]; });
  return static_cast<float>(held) / static_cast<float>(items.size());
}

// Which rows have more than half of the rows have.
std::vector<uint8_t> AboveMedian(const std::vector<float>& shares) {
  std::vector<float> sorted = shares;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  std::vector<uint8_t> above;
  above.reserve(shares.size());
  for (const float share : shares) above.push_back(share > *middle ? 1 : 0);
  return above;
}

// What is to be taken out: a set of items, and whose it is.
struct Wanted {
  int32_t set = 0;
  int32_t lead = -1;  // -1: the attribute's
};

// By turns a group, the best described first, and the attributes that its description names.
std::vector<Wanted> WantedErasures(const std::vector<LatentResult>& results, const ItemSets& sets) {
  std::map<std::pair<std::string, std::string>, int32_t> attributes;
  for (const int32_t set : sets.Attributes()) attributes[sets.at(set).terms.front()] = set;
  std::vector<Wanted> wanted;
  for (const int32_t lead : DescribedGroups(results)) {
    const int32_t set = results[static_cast<size_t>(lead)].description.set;
    wanted.push_back({set, lead});
    for (const auto& term : sets.at(set).terms) {
      const auto found = attributes.find(term);
      if (found == attributes.end()) continue;
      wanted.push_back({found->second, -1});
      attributes.erase(found);
    }
  }
  return wanted;
}

void AddLabels(const ConceptRows& rows, const std::vector<bool>& holds, int32_t subject,
               ErasureFit& fit) {
  std::vector<uint8_t> first;
  std::vector<float> recommended, read;
  first.reserve(rows.erasure.cases.size());
  recommended.reserve(rows.erasure.cases.size());
  read.reserve(rows.erasure.cases.size());
  for (const int32_t index : rows.erasure.cases) {
    const Case& of = rows.table.at(index);
    const size_t last = std::min(of.history.size(), kReadItems);
    first.push_back(holds[static_cast<size_t>(of.ranked.front())] ? 1 : 0);
    recommended.push_back(ShareIn(holds, of.ranked));
    read.push_back(ShareIn(holds, std::span<const int32_t>(of.history).last(last)));
  }
  fit.Add(subject, first);
  fit.Add(subject, AboveMedian(recommended));
  fit.Add(subject, AboveMedian(read));
}

}  // namespace

absl::StatusOr<NamedErasures> FitErasures(const ConceptRows& rows, int dim,
                                          const std::vector<LatentResult>& results,
                                          const ItemSets& sets,
                                          absl::FunctionRef<absl::Status()> alive) {
  NamedErasures erasures;
  std::vector<Wanted> wanted = WantedErasures(results, sets);
  const int64_t bytes = int64_t{2} * kLabels * dim * static_cast<int64_t>(sizeof(float));
  const auto most = static_cast<size_t>(dim > kLargestProbed ? 0 : kMaxErasureBytes / bytes);
  if (wanted.size() > most) {
    erasures.left_out = static_cast<int>(wanted.size() - most);
    wanted.resize(most);
  }
  if (wanted.empty() || rows.erasure.cases.empty()) return erasures;
  ErasureFit fit(rows.erasure.activations, dim);
  for (size_t w = 0; w < wanted.size(); ++w) {
    RECSAE_RETURN_IF_ERROR(alive());
    std::vector<bool> holds(static_cast<size_t>(sets.items()));
    for (int item = 0; item < sets.items(); ++item) {
      holds[static_cast<size_t>(item)] = sets.Holds(wanted[w].set, item);
    }
    AddLabels(rows, holds, static_cast<int32_t>(w), fit);
  }
  for (Erasure& erasure : fit.Solve()) {
    const Wanted& of = wanted[static_cast<size_t>(erasure.subject)];
    NamedErasures::Of& added = erasures.all.emplace_back();
    if (of.lead < 0) {
      std::tie(added.attribute, added.key) = sets.at(of.set).terms.front();
    } else {
      added.lead = of.lead;
    }
    added.erasure = std::move(erasure);
  }
  return erasures;
}

}  // namespace recsae::explainer
