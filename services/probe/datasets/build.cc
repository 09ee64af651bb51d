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
#include "common/base/random.h"
#include "common/base/status.h"
#include "services/probe/datasets/stop.h"

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

void InteractionLog::Add(absl::string_view user, absl::string_view item, double time, double rating,
                         Part part) {
  if (rating < positive_threshold) return;
  const int32_t user_index = users.Add(user);
  interactions.push_back({user_index, items.Add(item), time, part});
}

void CompleteCatalog(const IdIndex& item_index, Dataset* dataset) {
  for (size_t i = dataset->items.size(); i < item_index.ids().size(); ++i) {
    dataset->items.push_back({item_index.ids()[i], item_index.ids()[i], {}});
  }
}

absl::Status SortInteractions(const std::stop_token& stop, std::vector<Interaction>* interactions) {
  // Only an exception gets out of a sort.
  struct BrokenOff {};
  StopCheck stopped(stop);
  try {
    std::stable_sort(interactions->begin(), interactions->end(),
                     [&stopped](const Interaction& a, const Interaction& b) {
                       if (stopped()) throw BrokenOff();
                       const auto key = [](const Interaction& i) {
                         return std::make_tuple(i.user, i.part != Part::kTrain, i.time);
                       };
                       return key(a) < key(b);
                     });
  } catch (const BrokenOff&) {
    return Stopped();
  }
  return absl::OkStatus();
}

absl::Status KeepCore(int core, const std::stop_token& stop,
                      std::vector<Interaction>* interactions) {
  StopCheck stopped(stop);
  for (size_t before = 0; before != interactions->size();) {
    before = interactions->size();
    absl::flat_hash_map<int32_t, int> of_user, of_item;
    for (const Interaction& i : *interactions) {
      if (stopped()) return Stopped();
      ++of_user[i.user], ++of_item[i.item];
    }
    std::erase_if(*interactions, [&](const Interaction& i) {
      return of_user[i.user] < core || of_item[i.item] < core;
    });
  }
  return absl::OkStatus();
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

namespace {

// Sorts, and sets all but what is held out.
absl::Status FillSequences(const std::stop_token& stop, std::vector<Interaction>* interactions,
                           Dataset* dataset) {
  RECSAE_RETURN_IF_ERROR(SortInteractions(stop, interactions));
  dataset->sequences.assign(dataset->users.size(), {});
  dataset->train_length.assign(dataset->users.size(), 0);
  StopCheck stopped(stop);
  for (const Interaction& i : *interactions) {
    if (stopped()) return Stopped();
    dataset->sequences[i.user].push_back(i.item);
  }
  return absl::OkStatus();
}

absl::Status Refuse(const char* reason, const std::string& folder, absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat(folder, ": ", why),
               {{"path", folder}});
}

absl::Status CheckOptions(const std::string& folder, const DatasetOptions& options,
                          const InteractionLog& log) {
  const bool given = options.split == SplitMode::kGiven;
  if (given && !log.split_given) {
    return Refuse("DATASET_SPLIT_UNKNOWN", folder,
                  "the files do not say what is held out; split it by leave-one-out");
  }
  if (given && options.core.value_or(0) > 0) {
    return Refuse("DATASET_OPTIONS_INVALID", folder,
                  absl::StrCat("a core of ", *options.core,
                               " would break the split that the files give; leave the core out, or "
                               "split by leave-one-out"));
  }
  if (options.positive_threshold && !log.rated) {
    return Refuse(
        "DATASET_RATINGS_UNKNOWN", folder,
        "the files rate nothing, so that a positive threshold means nothing; leave it out");
  }
  return absl::OkStatus();
}

// INVALID_ARGUMENT (DATASET_EMPTY) if the data set has no interaction to train on.
absl::Status CheckNotEmpty(const Dataset& dataset, const std::string& folder) {
  for (const int32_t length : dataset.train_length) {
    if (length > 0) return absl::OkStatus();
  }
  return Refuse("DATASET_EMPTY", folder, "no training interaction is left");
}

}  // namespace

absl::Status LeaveOneOut(const std::stop_token& stop, std::vector<Interaction>* interactions,
                         Dataset* dataset) {
  RECSAE_RETURN_IF_ERROR(FillSequences(stop, interactions, dataset));
  for (size_t u = 0; u < dataset->users.size(); ++u) {
    const auto user = static_cast<int32_t>(u);
    const auto length = static_cast<int32_t>(dataset->sequences[u].size());
    dataset->train_length[u] = length < 3 ? length : length - 2;
    if (length < 3) continue;
    dataset->dev.push_back({user, length - 2});
    dataset->test.push_back({user, length - 1});
  }
  return absl::OkStatus();
}

absl::Status SplitAsGiven(const std::stop_token& stop, std::vector<Interaction>* interactions,
                          Dataset* dataset) {
  RECSAE_RETURN_IF_ERROR(FillSequences(stop, interactions, dataset));
  Case here{-1, 0};
  for (const Interaction& i : *interactions) {
    here = i.user == here.user ? Case{i.user, here.position + 1} : Case{i.user, 0};
    if (i.part == Part::kTrain) ++dataset->train_length[i.user];
    if (i.part == Part::kDev) dataset->dev.push_back(here);
    if (i.part == Part::kTest) dataset->test.push_back(here);
  }
  return absl::OkStatus();
}

absl::StatusOr<Dataset> Assemble(const std::string& folder, const DatasetOptions& options,
                                 InteractionLog log) {
  RECSAE_RETURN_IF_ERROR(CheckOptions(folder, options, log));
  Dataset dataset = std::move(log.dataset);
  std::vector<Interaction>& interactions = log.interactions;
  dataset.users = log.users.ids();
  CompleteCatalog(log.items, &dataset);
  if (const int core = options.core.value_or(0); core > 0) {
    RECSAE_RETURN_IF_ERROR(KeepCore(core, log.stop, &interactions));
    DropUnused(&interactions, &dataset);
  }
  if (!log.ordered) {
    Random random(options.seed);
    for (Interaction& i : interactions) i.time = random.Uniform();
  }
  if (options.split == SplitMode::kGiven) {
    RECSAE_RETURN_IF_ERROR(SplitAsGiven(log.stop, &interactions, &dataset));
  } else {
    for (Interaction& i : interactions) i.part = Part::kTrain;
    RECSAE_RETURN_IF_ERROR(LeaveOneOut(log.stop, &interactions, &dataset));
  }
  dataset.malformed_lines = log.malformed.count;
  dataset.malformed = std::move(log.malformed.first);
  RECSAE_RETURN_IF_ERROR(CheckNotEmpty(dataset, folder));
  return dataset;
}

}  // namespace recsae::probe
