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

void LeaveOneOut(Dataset* dataset) {
  dataset->train_length.assign(dataset->users.size(), 0);
  for (size_t u = 0; u < dataset->users.size(); ++u) {
    const auto user = static_cast<int32_t>(u);
    const auto length = static_cast<int32_t>(dataset->sequences[u].size());
    dataset->train_length[u] = length < 3 ? length : length - 2;
    if (length < 3) continue;
    dataset->dev.push_back({user, length - 2});
    dataset->test.push_back({user, length - 1});
  }
}

namespace {

// Steps between two questions whether to go on: a millisecond or so.
constexpr size_t kStepsPerQuestion = size_t{1} << 16;

// Calls step(0), step(1), ... step(count - 1), unless it is to stop.
template <typename Step>
absl::Status ForEach(size_t count, const Reading& reading, const Step& step) {
  for (size_t begin = 0; begin < count; begin += kStepsPerQuestion) {
    RECSAE_RETURN_IF_ERROR(reading.MayProceed());
    const size_t end = std::min(count, begin + kStepsPerQuestion);
    for (size_t i = begin; i < end; ++i) step(i);
  }
  return absl::OkStatus();
}

// Sorts by user, held-out ones last, and then by time, ties in the order given.
absl::Status SortInteractions(size_t users, const Reading& reading,
                              std::vector<Interaction>* interactions) {
  std::vector<size_t> next(users + 1, 0);  // where a user's next one goes
  RECSAE_RETURN_IF_ERROR(ForEach(interactions->size(), reading,
                                 [&](size_t i) { ++next[(*interactions)[i].user + 1]; }));
  for (size_t u = 0; u < users; ++u) next[u + 1] += next[u];
  std::vector<Interaction> by_user(interactions->size());
  RECSAE_RETURN_IF_ERROR(ForEach(interactions->size(), reading, [&](size_t i) {
    const Interaction& one = (*interactions)[i];
    by_user[next[one.user]++] = one;
  }));
  *interactions = std::move(by_user);
  size_t begin = 0;
  return ForEach(users, reading, [&](size_t u) {
    std::stable_sort(interactions->begin() + static_cast<int64_t>(begin),
                     interactions->begin() + static_cast<int64_t>(next[u]),
                     [](const Interaction& a, const Interaction& b) {
                       const auto key = [](const Interaction& i) {
                         return std::make_tuple(i.part != Part::kTrain, i.time);
                       };
                       return key(a) < key(b);
                     });
    begin = next[u];
  });
}

// Repeatedly drops users and items with fewer than `core` interactions, until none is left.
absl::Status KeepCore(int core, size_t users, size_t items, const Reading& reading,
                      std::vector<Interaction>* interactions) {
  for (size_t before = 0; before != interactions->size();) {
    before = interactions->size();
    std::vector<int64_t> of_user(users), of_item(items);
    RECSAE_RETURN_IF_ERROR(ForEach(before, reading, [&](size_t i) {
      ++of_user[(*interactions)[i].user], ++of_item[(*interactions)[i].item];
    }));
    size_t kept = 0;
    RECSAE_RETURN_IF_ERROR(ForEach(before, reading, [&](size_t i) {
      const Interaction one = (*interactions)[i];
      if (of_user[one.user] >= core && of_item[one.item] >= core) (*interactions)[kept++] = one;
    }));
    interactions->resize(kept);
  }
  return absl::OkStatus();
}

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

// Drops what no interaction mentions from users and items and renumbers both.
absl::Status DropUnused(const Reading& reading, std::vector<Interaction>* interactions,
                        Dataset* dataset) {
  std::vector<bool> user_used(dataset->users.size()), item_used(dataset->items.size());
  RECSAE_RETURN_IF_ERROR(ForEach(interactions->size(), reading, [&](size_t i) {
    user_used[(*interactions)[i].user] = item_used[(*interactions)[i].item] = true;
  }));
  const std::vector<int32_t> user_of = Compact(user_used, &dataset->users);
  const std::vector<int32_t> item_of = Compact(item_used, &dataset->items);
  return ForEach(interactions->size(), reading, [&](size_t index) {
    Interaction& i = (*interactions)[index];
    i.user = user_of[i.user], i.item = item_of[i.item];
  });
}

// Fills sequences from sorted interactions.
absl::Status FillSequences(const std::vector<Interaction>& interactions, const Reading& reading,
                           Dataset* dataset) {
  dataset->sequences.assign(dataset->users.size(), {});
  return ForEach(interactions.size(), reading, [&](size_t i) {
    dataset->sequences[interactions[i].user].push_back(interactions[i].item);
  });
}

// Splits as the (sorted) interactions say. A user's dev and test items follow the training ones
// together in time order: a held-out item's history is all that the user touched before (the
// convention of ReChorus).
absl::Status SplitAsGiven(const std::vector<Interaction>& interactions, const Reading& reading,
                          Dataset* dataset) {
  dataset->train_length.assign(dataset->users.size(), 0);
  Case here{-1, 0};
  return ForEach(interactions.size(), reading, [&](size_t index) {
    const Interaction& i = interactions[index];
    here = i.user == here.user ? Case{i.user, here.position + 1} : Case{i.user, 0};
    if (i.part == Part::kTrain) ++dataset->train_length[i.user];
    if (i.part == Part::kDev) dataset->dev.push_back(here);
    if (i.part == Part::kTest) dataset->test.push_back(here);
  });
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

absl::StatusOr<Dataset> Assemble(const std::string& folder, const DatasetOptions& options,
                                 InteractionLog log) {
  RECSAE_RETURN_IF_ERROR(CheckOptions(folder, options, log));
  Dataset dataset = std::move(log.dataset);
  const Reading& reading = log.reading;
  std::vector<Interaction>& interactions = log.interactions;
  dataset.users = log.users.ids();
  CompleteCatalog(log.items, &dataset);
  if (const int core = options.core.value_or(0); core > 0) {
    RECSAE_RETURN_IF_ERROR(
        KeepCore(core, dataset.users.size(), dataset.items.size(), reading, &interactions));
    RECSAE_RETURN_IF_ERROR(DropUnused(reading, &interactions, &dataset));
  }
  if (!log.ordered) {
    Random random(options.seed);
    for (Interaction& i : interactions) i.time = random.Uniform();
  }
  const bool given = options.split == SplitMode::kGiven;
  if (!given) {
    for (Interaction& i : interactions) i.part = Part::kTrain;
  }
  RECSAE_RETURN_IF_ERROR(SortInteractions(dataset.users.size(), reading, &interactions));
  RECSAE_RETURN_IF_ERROR(FillSequences(interactions, reading, &dataset));
  if (given) {
    RECSAE_RETURN_IF_ERROR(SplitAsGiven(interactions, reading, &dataset));
  } else {
    LeaveOneOut(&dataset);
  }
  dataset.malformed_lines = log.reading.malformed_lines;
  dataset.malformed = std::move(log.reading.malformed);
  RECSAE_RETURN_IF_ERROR(CheckNotEmpty(dataset, folder));
  return dataset;
}

}  // namespace recsae::probe
