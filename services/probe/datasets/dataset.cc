// Views and cases of a data set.
#include "services/probe/datasets/dataset.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"

namespace recsae::probe {

int32_t Target(const Dataset& dataset, const Case& c) {
  return dataset.sequences[c.user][c.position];
}

absl::Span<const int32_t> History(const Dataset& dataset, const Case& c, int limit) {
  const int32_t begin = std::max(0, c.position - limit);
  return absl::MakeConstSpan(dataset.sequences[c.user]).subspan(begin, c.position - begin);
}

std::vector<int32_t> Excluded(const Dataset& dataset, const Case& c) {
  std::vector<int32_t> items = dataset.sequences[c.user];
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  std::erase(items, Target(dataset, c));
  return items;
}

std::vector<Case> TrainCases(const Dataset& dataset, int min_history) {
  std::vector<Case> cases;
  for (int32_t user = 0; user < static_cast<int32_t>(dataset.sequences.size()); ++user) {
    for (int32_t p = min_history; p < dataset.train_length[user]; ++p) cases.push_back({user, p});
  }
  return cases;
}

std::vector<Case> WithHistory(absl::Span<const Case> cases) {
  std::vector<Case> kept;
  std::copy_if(cases.begin(), cases.end(), std::back_inserter(kept),
               [](const Case& c) { return c.position > 0; });
  return kept;
}

std::string FingerprintOf(const Dataset& dataset) {
  Fingerprinter all;
  for (const Item& item : dataset.items) {
    all.AddText(item.id);
    all.AddText(item.title);
    all.AddNumber(static_cast<int64_t>(item.attributes.size()));
    for (const Attribute& attribute : item.attributes) {
      all.AddText(attribute.key);
      all.AddText(attribute.value);
    }
  }
  for (size_t user = 0; user < dataset.users.size(); ++user) {
    all.AddText(dataset.users[user]);
    all.AddNumber(dataset.train_length[user]);
    all.AddNumber(static_cast<int64_t>(dataset.sequences[user].size()));
    for (const int32_t item : dataset.sequences[user]) all.AddNumber(item);
  }
  for (const auto* held_out : {&dataset.dev, &dataset.test}) {
    all.AddNumber(static_cast<int64_t>(held_out->size()));
    for (const Case& one : *held_out) {
      all.AddNumber(one.user);
      all.AddNumber(one.position);
    }
  }
  return absl::StrCat(absl::Hex(all.value(), absl::kZeroPad16));
}

int64_t CountInteractions(const Dataset& dataset) {
  int64_t count = 0;
  for (const auto& sequence : dataset.sequences) count += static_cast<int64_t>(sequence.size());
  return count;
}

}  // namespace recsae::probe
