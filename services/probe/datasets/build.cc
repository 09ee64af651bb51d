// Steps shared by the readers.
#include "services/probe/datasets/build.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status.h"

namespace recsae::probe {

int32_t IdIndex::Add(absl::string_view id) {
  const auto [it, added] = index_.try_emplace(std::string(id), static_cast<int32_t>(ids_.size()));
  if (added) ids_.emplace_back(id);
  return it->second;
}

int32_t IdIndex::Find(absl::string_view id) const {
  const auto it = index_.find(id);
  return it == index_.end() ? -1 : it->second;
}

bool ParseNumber(absl::string_view text, double* value) {
  return absl::SimpleAtod(text, value) && std::isfinite(*value);
}

void AddAttributes(absl::string_view key, absl::string_view values, Item* item) {
  for (absl::string_view value : absl::StrSplit(values, '|')) {
    value = absl::StripAsciiWhitespace(value);
    if (!value.empty()) item->attributes.push_back({std::string(key), ToUtf8(value)});
  }
}

void AddTitleDecade(Item* item) {
  const std::string& t = item->title;
  const size_t n = t.size();
  if (n < 6 || t[n - 1] != ')' || t[n - 6] != '(') return;
  const std::string year = t.substr(n - 5, 4);
  if (!std::all_of(year.begin(), year.end(), [](unsigned char c) { return std::isdigit(c); })) {
    return;
  }
  item->attributes.push_back({"decade", year.substr(0, 3) + "0s"});
}

void CompleteCatalog(const IdIndex& item_index, Dataset* dataset) {
  for (size_t i = dataset->items.size(); i < item_index.ids().size(); ++i) {
    dataset->items.push_back({item_index.ids()[i], item_index.ids()[i], {}});
  }
}

void SortInteractions(std::vector<Interaction>* interactions) {
  std::stable_sort(interactions->begin(), interactions->end(),
                   [](const Interaction& a, const Interaction& b) {
                     return std::tie(a.user, a.time) < std::tie(b.user, b.time);
                   });
}

void KeepCore(int core, std::vector<Interaction>* interactions) {
  for (size_t before = 0; before != interactions->size();) {
    before = interactions->size();
    absl::flat_hash_map<int32_t, int> of_user, of_item;
    for (const Interaction& i : *interactions) ++of_user[i.user], ++of_item[i.item];
    std::erase_if(*interactions, [&](const Interaction& i) {
      return of_user[i.user] < core || of_item[i.item] < core;
    });
  }
}

namespace {

// Keeps the marked elements of `all`; returns the new index of each old one, or -1.
template <typename T>
std::vector<int32_t> Compact(const std::vector<bool>& keep, std::vector<T>* all) {
  std::vector<int32_t> renumbered(keep.size(), -1);
  std::vector<T> kept;
  for (size_t i = 0; i < keep.size(); ++i) {
    if (!keep[i]) continue;
    renumbered[i] = static_cast<int32_t>(kept.size());
    kept.push_back(std::move((*all)[i]));
  }
  *all = std::move(kept);
  return renumbered;
}

}  // namespace

void DropUnused(std::vector<Interaction>* interactions, Dataset* dataset) {
  std::vector<bool> user_used(dataset->users.size()), item_used(dataset->items.size());
  for (const Interaction& i : *interactions) user_used[i.user] = item_used[i.item] = true;
  const std::vector<int32_t> user_of = Compact(user_used, &dataset->users);
  const std::vector<int32_t> item_of = Compact(item_used, &dataset->items);
  for (Interaction& i : *interactions) i.user = user_of[i.user], i.item = item_of[i.item];
}

void LeaveOneOut(std::vector<Interaction>* interactions, Dataset* dataset) {
  SortInteractions(interactions);
  const size_t users = dataset->users.size();
  dataset->sequences.assign(users, {});
  dataset->train_length.assign(users, 0);
  for (const Interaction& i : *interactions) dataset->sequences[i.user].push_back(i.item);
  for (size_t u = 0; u < users; ++u) {
    const auto user = static_cast<int32_t>(u);
    const auto length = static_cast<int32_t>(dataset->sequences[u].size());
    dataset->train_length[u] = length < 3 ? length : length - 2;
    if (length < 3) continue;
    dataset->dev.push_back({user, length - 2});
    dataset->test.push_back({user, length - 1});
  }
}

void SetMalformed(Malformed malformed, Dataset* dataset) {
  dataset->malformed_lines = malformed.count;
  dataset->malformed = std::move(malformed.first);
}

absl::Status CheckNotEmpty(const Dataset& dataset, const std::string& path) {
  for (const int32_t length : dataset.train_length) {
    if (length > 0) return absl::OkStatus();
  }
  return Error(absl::StatusCode::kInvalidArgument, "DATASET_EMPTY",
               absl::StrCat(path, " has no training interaction"), {{"path", path}});
}

}  // namespace recsae::probe
