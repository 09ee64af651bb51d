// Steps shared by the readers.
#include "services/probe/datasets/build.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/findings.h"
#include "services/probe/datasets/scale.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {

void AddAttributes(absl::string_view key, absl::string_view values, Item* item) {
  for (absl::string_view value : absl::StrSplit(values, '|')) {
    value = absl::StripAsciiWhitespace(value);
    if (!IsMissing(value)) item->attributes.push_back({std::string(key), ToUtf8(value)});
  }
}

void AddTitleDecade(Item* item) {
  const std::string year = YearOf(item->title);
  if (!year.empty()) item->attributes.push_back({"decade", year.substr(0, 3) + "0s"});
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

using Interactions = std::vector<Interaction>;

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

// Keeps the interactions that `keep(index, interaction)` wants, in their order.
template <typename Keep>
absl::Status Filter(const Reading& reading, Interactions* interactions, const Keep& keep) {
  size_t kept = 0;
  RECSAE_RETURN_IF_ERROR(ForEach(interactions->size(), reading, [&](size_t i) {
    const Interaction one = (*interactions)[i];
    if (keep(i, one)) (*interactions)[kept++] = one;
  }));
  interactions->resize(kept);
  return absl::OkStatus();
}

bool IsTrain(const Interaction& one) { return one.part == static_cast<uint32_t>(Part::kTrain); }

// Leaves out what is rated below the threshold that the ratings themselves show.
absl::Status ApplyScale(InteractionLog* log) {
  if (log->positive_threshold) return absl::OkStatus();
  const Scale scale = DeriveScale(log->ratings);
  const std::vector<float> ratings = std::exchange(log->ratings, {});
  const size_t before = log->interactions.size();
  // Thresholds are compared as the ratings were kept.
  const auto threshold = static_cast<float>(scale.threshold);
  RECSAE_RETURN_IF_ERROR(
      Filter(log->reading, &log->interactions,
             [&](size_t i, const Interaction&) { return ratings[i] >= threshold; }));
  log->below = static_cast<int64_t>(before - log->interactions.size());
  log->positive_threshold = scale.threshold;
  if (!log->rated || before == 0) return absl::OkStatus();
  log->remarks.push_back({scale.binary ? "NEGATIVES_DROPPED" : "RATING_THRESHOLD",
                          log->below,
                          absl::StrCat(scale.derivation, "; ", Counted(log->below, "row"), " of ",
                                       Counted(log->rows, ""), log->below == 1 ? " is" : " are",
                                       " lower and left out (--positive-threshold says otherwise)"),
                          {},
                          false});
  return absl::OkStatus();
}

// Users, and items without a description, in the order in which the interactions that are left name
// them; users of none are dropped.
absl::Status Renumber(size_t described, InteractionLog* log, Dataset* dataset) {
  std::vector<int32_t> user_of(static_cast<size_t>(log->users.size()), -1);
  std::vector<int32_t> item_of(static_cast<size_t>(log->items.size()), -1);
  for (size_t i = 0; i < described; ++i) item_of[i] = static_cast<int32_t>(i);
  return ForEach(log->interactions.size(), log->reading, [&](size_t i) {
    Interaction& one = log->interactions[i];
    int32_t& user = user_of[static_cast<size_t>(one.user)];
    if (user < 0) {
      user = static_cast<int32_t>(dataset->users.size());
      dataset->users.emplace_back(log->users.id(one.user));
    }
    int32_t& item = item_of[one.item];
    if (item < 0) {
      item = static_cast<int32_t>(dataset->items.size());
      const std::string id(log->items.id(static_cast<int32_t>(one.item)));
      dataset->items.push_back({id, id, {}});
    }
    one.user = user;
    one.item = static_cast<uint32_t>(item) & 0x3FFFFFFF;
  });
}

// Sorts by user, held-out ones last, and then by time, ties in the order given.
absl::Status SortInteractions(size_t users, const Reading& reading, Interactions* interactions) {
  std::vector<size_t> next(users + 1, 0);  // where a user's next one goes
  RECSAE_RETURN_IF_ERROR(ForEach(interactions->size(), reading, [&](size_t i) {
    ++next[static_cast<size_t>((*interactions)[i].user) + 1];
  }));
  for (size_t u = 0; u < users; ++u) next[u + 1] += next[u];
  Interactions by_user(interactions->size());
  RECSAE_RETURN_IF_ERROR(ForEach(interactions->size(), reading, [&](size_t i) {
    const Interaction& one = (*interactions)[i];
    by_user[next[static_cast<size_t>(one.user)]++] = one;
  }));
  *interactions = std::move(by_user);
  size_t begin = 0;
  return ForEach(users, reading, [&](size_t u) {
    std::stable_sort(interactions->begin() + static_cast<int64_t>(begin),
                     interactions->begin() + static_cast<int64_t>(next[u]),
                     [](const Interaction& a, const Interaction& b) {
                       return std::tuple(!IsTrain(a), a.time) < std::tuple(!IsTrain(b), b.time);
                     });
    begin = next[u];
  });
}

// Leaves out, of the sorted interactions, rows that are there already: equal in user, item, part
// and time, and by the mode all further ones of a user with an item.
absl::Status DropRepeats(RepeatMode mode, size_t items, InteractionLog* log) {
  // Without times nothing tells a repeated interaction from a row that is there twice.
  const bool any_time = mode == RepeatMode::kDrop || (mode == RepeatMode::kOwn && !log->timed);
  if (mode == RepeatMode::kKeep && !log->timed) return absl::OkStatus();
  std::vector<int64_t> seen(items, -1);  // the group in which an item was last
  int64_t group = -1;
  Interaction last;
  last.user = -1;
  Interactions dropped;
  const size_t before = log->interactions.size();
  RECSAE_RETURN_IF_ERROR(
      Filter(log->reading, &log->interactions, [&](size_t, const Interaction& one) {
        const bool same_user = one.user == last.user;
        const bool same_part = mode == RepeatMode::kDrop || IsTrain(one) == IsTrain(last);
        if (!same_user || !same_part || (!any_time && one.time != last.time)) ++group;
        last = one;
        const bool is_new = seen[one.item] != group;
        seen[one.item] = group;
        if (!is_new && dropped.size() < kExamples) dropped.push_back(one);
        return is_new;
      }));
  const auto count = static_cast<int64_t>(before - log->interactions.size());
  if (count == 0) return absl::OkStatus();
  Remark remark{"DUPLICATES_DROPPED", count, "", {}, false};
  if (mode == RepeatMode::kDrop) {
    remark = {
        "REPEATS_DROPPED",
        count,
        absl::StrCat(Counted(count, "further interaction"),
                     " of users with an item that they had: left out (--repeats keep keeps them)"),
        {},
        false};
  } else {
    remark.text = absl::StrCat(
        Counted(count, "row"),
        log->timed ? " equal to another in user, item and time"
                   : " equal to another in user and item, with no time to tell them apart",
        ": left out", log->timed ? "" : " (--repeats keep keeps them)");
  }
  for (const Interaction& one : dropped) {
    remark.examples.push_back(absl::StrCat("user ",
                                           log->dataset.users[static_cast<size_t>(one.user)],
                                           ", item ", log->dataset.items[one.item].id));
  }
  log->remarks.push_back(std::move(remark));
  return absl::OkStatus();
}

// Repeatedly drops users and items with fewer than `core` interactions, until none is left.
absl::Status KeepCore(int core, size_t users, size_t items, InteractionLog* log) {
  const size_t all = log->interactions.size();
  // A rule made for the published data may leave nothing of a small part of them.
  constexpr size_t kSmall = 1'000'000;
  Interactions before_core;
  if (log->own_core && all < kSmall) before_core = log->interactions;
  for (size_t before = 0; before != log->interactions.size();) {
    before = log->interactions.size();
    std::vector<int64_t> of_user(users), of_item(items);
    RECSAE_RETURN_IF_ERROR(ForEach(before, log->reading, [&](size_t i) {
      const Interaction& one = log->interactions[i];
      ++of_user[static_cast<size_t>(one.user)], ++of_item[one.item];
    }));
    RECSAE_RETURN_IF_ERROR(
        Filter(log->reading, &log->interactions, [&](size_t, const Interaction& one) {
          return of_user[static_cast<size_t>(one.user)] >= core && of_item[one.item] >= core;
        }));
  }
  if (log->interactions.empty() && !before_core.empty()) {
    log->interactions = std::move(before_core);
    log->remarks.push_back({"CORE_IGNORED",
                            0,
                            absl::StrCat("the format's ", core,
                                         "-core would leave nothing: all interactions are kept "
                                         "(--core says how many a user and an item must have)"),
                            {},
                            true});
    return absl::OkStatus();
  }
  if (const auto count = static_cast<int64_t>(all - log->interactions.size()); count > 0) {
    log->remarks.push_back({"CORE_DROPPED",
                            count,
                            absl::StrCat(Counted(count, "interaction"), " outside the ", core,
                                         "-core left out (--core 0 keeps all)"),
                            {},
                            false});
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
absl::Status DropUnused(const Reading& reading, Interactions* interactions, Dataset* dataset) {
  std::vector<bool> user_used(dataset->users.size()), item_used(dataset->items.size());
  RECSAE_RETURN_IF_ERROR(ForEach(interactions->size(), reading, [&](size_t i) {
    const Interaction& one = (*interactions)[i];
    user_used[static_cast<size_t>(one.user)] = item_used[one.item] = true;
  }));
  const std::vector<int32_t> user_of = Compact(user_used, &dataset->users);
  const std::vector<int32_t> item_of = Compact(item_used, &dataset->items);
  return ForEach(interactions->size(), reading, [&](size_t index) {
    Interaction& i = (*interactions)[index];
    i.user = user_of[static_cast<size_t>(i.user)];
    i.item = static_cast<uint32_t>(item_of[i.item]) & 0x3FFFFFFF;
  });
}

// Fills sequences from sorted interactions.
absl::Status FillSequences(const Interactions& interactions, const Reading& reading,
                           Dataset* dataset) {
  dataset->sequences.assign(dataset->users.size(), {});
  size_t begin = 0;
  return ForEach(dataset->users.size(), reading, [&](size_t u) {
    size_t end = begin;
    while (end < interactions.size() && interactions[end].user == static_cast<int32_t>(u)) ++end;
    std::vector<int32_t>& sequence = dataset->sequences[u];
    sequence.reserve(end - begin);
    for (; begin < end; ++begin) sequence.push_back(static_cast<int32_t>(interactions[begin].item));
  });
}

// Splits as the (sorted) interactions say. A user's dev and test items follow the training ones
// together in time order: a held-out item's history is all that the user touched before (the
// convention of ReChorus).
absl::Status SplitAsGiven(const Interactions& interactions, const Reading& reading,
                          Dataset* dataset) {
  dataset->train_length.assign(dataset->users.size(), 0);
  Case here{-1, 0};
  return ForEach(interactions.size(), reading, [&](size_t index) {
    const Interaction& i = interactions[index];
    here = i.user == here.user ? Case{i.user, here.position + 1} : Case{i.user, 0};
    if (IsTrain(i)) ++dataset->train_length[static_cast<size_t>(i.user)];
    if (i.part == static_cast<uint32_t>(Part::kDev)) dataset->dev.push_back(here);
    if (i.part == static_cast<uint32_t>(Part::kTest)) dataset->test.push_back(here);
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

// The split that is meant: the one the files give unless something else is asked for.
SplitMode ChooseSplit(const DatasetOptions& options, InteractionLog* log) {
  if (options.split != SplitMode::kOwn) return options.split;
  if (!log->split_given) return SplitMode::kLeaveOneOut;
  if (options.core.value_or(0) == 0) return SplitMode::kGiven;
  log->remarks.push_back(
      {"SPLIT_IGNORED",
       1,
       absl::StrCat("the split that the files give is not used, since a core of ", *options.core,
                    " would break it: leave-one-out instead (leave --core out to have it)"),
       {},
       true});
  return SplitMode::kLeaveOneOut;
}

// INVALID_ARGUMENT (DATASET_EMPTY) if the data set has no interaction to train on.
absl::Status CheckNotEmpty(const Dataset& dataset, const InteractionLog& log,
                           const std::string& folder) {
  for (const int32_t length : dataset.train_length) {
    if (length > 0) return absl::OkStatus();
  }
  std::vector<std::string> causes;
  for (const std::vector<Remark>& remarks : {log.remarks, log.reading.tallies.Remarks()}) {
    for (const Remark& remark : remarks) causes.push_back(remark.text);
  }
  if (log.below > 0 && log.remarks.empty()) {
    causes.push_back(
        absl::StrCat(Counted(log.below, "row"), " rated below ", *log.positive_threshold));
  }
  if (log.reading.malformed_lines > 0)
    causes.push_back(Counted(log.reading.malformed_lines, "malformed line"));
  if (!dataset.dev.empty() || !dataset.test.empty())
    causes.emplace_back("the files hold all rows out");
  const std::string rows = log.rows == 0
                               ? "the files have no row of interactions"
                               : absl::StrCat("of ", Counted(log.rows, "row"), " in the files");
  return Refuse("DATASET_EMPTY", folder,
                absl::StrCat("no training interaction is left: ", rows, causes.empty() ? "" : ": ",
                             absl::StrJoin(causes, "; ")));
}

}  // namespace

absl::StatusOr<Dataset> Assemble(const std::string& folder, const DatasetOptions& options,
                                 InteractionLog log) {
  RECSAE_RETURN_IF_ERROR(CheckOptions(folder, options, log));
  RECSAE_RETURN_IF_ERROR(ApplyScale(&log));
  Dataset& dataset = log.dataset;
  Interactions& interactions = log.interactions;
  const size_t described = dataset.items.size();
  RECSAE_RETURN_IF_ERROR(Renumber(described, &log, &dataset));
  log.users = IdIndex(), log.items = IdIndex();  // their memory is needed for what follows
  RECSAE_RETURN_IF_ERROR(NoteDescribed(described, &log));
  const bool given = ChooseSplit(options, &log) == SplitMode::kGiven;
  if (!given) {
    for (Interaction& i : interactions) i.part = static_cast<uint32_t>(Part::kTrain);
  }
  RECSAE_RETURN_IF_ERROR(SortInteractions(dataset.users.size(), log.reading, &interactions));
  RECSAE_RETURN_IF_ERROR(DropRepeats(options.repeats, dataset.items.size(), &log));
  if (const int core = options.core.value_or(0); core > 0) {
    RECSAE_RETURN_IF_ERROR(KeepCore(core, dataset.users.size(), dataset.items.size(), &log));
    RECSAE_RETURN_IF_ERROR(DropUnused(log.reading, &interactions, &dataset));
  }
  if (!log.ordered) {
    Random random(options.seed);
    for (Interaction& i : interactions) i.time = random.Uniform();
    RECSAE_RETURN_IF_ERROR(SortInteractions(dataset.users.size(), log.reading, &interactions));
  }
  RECSAE_RETURN_IF_ERROR(FillSequences(interactions, log.reading, &dataset));
  if (given) {
    RECSAE_RETURN_IF_ERROR(SplitAsGiven(interactions, log.reading, &dataset));
  } else {
    LeaveOneOut(&dataset);
  }
  RECSAE_RETURN_IF_ERROR(CheckNotEmpty(dataset, log, folder));
  NoteSplit(given ? SplitBy::kFiles : SplitBy::kLeaveOneOut, &log);
  dataset.malformed_lines = log.reading.malformed_lines;
  dataset.malformed = std::move(log.reading.malformed);
  dataset.remarks = std::move(log.remarks);
  for (Remark& remark : log.reading.tallies.Remarks()) dataset.remarks.push_back(std::move(remark));
  return std::move(dataset);
}

}  // namespace recsae::probe
