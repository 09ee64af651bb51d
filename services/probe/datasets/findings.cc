#include "services/probe/datasets/findings.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/probe/datasets/dataset.h"

namespace recsae::probe {
namespace {

// Below this share of described items something is wrong rather than missing.
constexpr int64_t kDescribedPercent = 90;
// Rankings are cut off here and further down.
constexpr int32_t kCutoff = 10;
constexpr size_t kStepsPerQuestion = size_t{1} << 16;

void Say(InteractionLog* log, const char* code, int64_t count, std::string text, bool warning,
         std::vector<std::string> examples = {}) {
  log->remarks.push_back({code, count, std::move(text), std::move(examples), warning});
}

// Counts of held-out rows, test rows alone but for the users'.
struct Counts {
  int64_t seen = 0;         // the user has the item in training
  int64_t unlearned = 0;    // nobody has
  int64_t few = 0;          // no more candidates than the shortest ranking
  std::set<int32_t> users;  // without training, at most kExamples
  int64_t strangers = 0;    // rows of users without training
};

// What each user touched, marked by user: passes over users in order.
Counts Count(const Dataset& dataset) {
  Counts counts;
  const size_t items = dataset.items.size();
  std::vector<bool> learned(items, false);
  for (size_t u = 0; u < dataset.sequences.size(); ++u) {
    for (int32_t p = 0; p < dataset.train_length[u]; ++p)
      learned[static_cast<size_t>(dataset.sequences[u][static_cast<size_t>(p)])] = true;
  }
  std::vector<int32_t> in_training(items, -1), touched(items, -1);
  int32_t marked = -1;
  int64_t distinct = 0;
  for (const Case& one : dataset.test) {
    const std::vector<int32_t>& sequence = dataset.sequences[static_cast<size_t>(one.user)];
    const int32_t trained = dataset.train_length[static_cast<size_t>(one.user)];
    if (one.user != marked) {
      marked = one.user;
      distinct = 0;
      for (size_t p = 0; p < sequence.size(); ++p) {
        const auto item = static_cast<size_t>(sequence[p]);
        if (static_cast<int32_t>(p) < trained) in_training[item] = one.user;
        distinct += touched[item] != one.user ? 1 : 0;
        touched[item] = one.user;
      }
    }
    const auto target = static_cast<size_t>(Target(dataset, one));
    counts.seen += in_training[target] == one.user ? 1 : 0;
    counts.unlearned += learned[target] ? 0 : 1;
    counts.few += static_cast<int64_t>(items) - distinct + 1 <= kCutoff ? 1 : 0;
  }
  for (const auto* cases : {&dataset.dev, &dataset.test}) {
    for (const Case& one : *cases) {
      if (dataset.train_length[static_cast<size_t>(one.user)] > 0) continue;
      ++counts.strangers;
      if (counts.users.size() < kExamples) counts.users.insert(one.user);
    }
  }
  return counts;
}

void NoteShortUsers(bool given, InteractionLog* log) {
  const Dataset& dataset = log->dataset;
  const auto is_short = [](const auto& sequence) { return sequence.size() < 3; };
  const auto count = std::count_if(dataset.sequences.begin(), dataset.sequences.end(), is_short);
  if (given) {
    if (!dataset.test.empty()) return;
    Say(log, "NO_TEST_ROWS", 0,
        "the files give no test row: no recommender can be measured, and none is trained on it "
        "(--split leave-one-out holds out each user's last interactions)",
        true);
  } else if (dataset.test.empty()) {
    Say(log, "NO_TEST_ROWS", count,
        "nothing is held out, since no user has three interactions: no recommender can be "
        "measured, "
        "and none is trained on it (sessions of one or two items are too short; join them by user, "
        "or leave them out)",
        true);
  } else if (count > 0) {
    Say(log, "USERS_SHORT", count,
        absl::StrCat(
            Counted(count, "user"), " of ", Counted(static_cast<int64_t>(dataset.users.size()), ""),
            " with fewer than three interactions: for training alone, in no dev or test row"),
        false);
  }
}

}  // namespace

absl::Status NoteDescribed(size_t described, InteractionLog* log) {
  if (!log->described) return absl::OkStatus();
  std::vector<bool> used(log->dataset.items.size(), false);
  for (size_t i = 0; i < log->interactions.size(); ++i) {
    if (i % kStepsPerQuestion == 0) {
      if (absl::Status status = log->reading.MayProceed(); !status.ok()) return status;
    }
    used[log->interactions[i].item] = true;
  }
  int64_t all = 0, known = 0;
  std::vector<std::string> examples;
  for (size_t item = 0; item < used.size(); ++item) {
    if (!used[item]) continue;
    ++all;
    if (item < described) {
      ++known;
    } else if (examples.size() < kExamples) {
      examples.push_back(log->dataset.items[item].id);
    }
  }
  if (known == all) return absl::OkStatus();
  const bool warning = known * 100 < all * kDescribedPercent;
  std::string text =
      absl::StrCat(Counted(known, ""), " of ", Counted(all, "interacted item"), " (",
                   Percent(known, all), ") are described; the ids are the titles of the others");
  if (warning && described > 0) {
    absl::StrAppend(&text, ". The catalogue has ids such as ", log->dataset.items.front().id,
                    ": are they of the same column? (--columns item=…)");
  }
  Say(log, "ITEMS_DESCRIBED", all - known, std::move(text), warning, std::move(examples));
  return absl::OkStatus();
}

void NoteSplit(SplitBy by, InteractionLog* log) {
  Dataset& dataset = log->dataset;
  NoteShortUsers(by != SplitBy::kLeaveOneOut, log);
  const Counts counts = Count(dataset);
  const auto test = static_cast<int64_t>(dataset.test.size());
  const auto share = [&](int64_t count) {
    return absl::StrCat(Counted(count, ""), " of ", Counted(test, "test row"), " (",
                        Percent(count, test), ")");
  };
  dataset.test_seen = counts.seen;
  if (counts.seen > 0) {
    Say(log, "TEST_ITEMS_SEEN", counts.seen,
        absl::StrCat(share(counts.seen),
                     " ask for an item that the user has in training too: easier than others",
                     // A host's interactions are what it says they are: no flag changes them.
                     by == SplitBy::kHost ? "" : ", and left out by --repeats drop"),
        counts.seen * 20 > test);
  }
  if (counts.unlearned > 0) {
    Say(log, "TEST_ITEMS_UNTRAINED", counts.unlearned,
        absl::StrCat(share(counts.unlearned),
                     " ask for an item that no training row has: no recommender learns it"),
        counts.unlearned * 20 > test);
  }
  if (counts.strangers > 0) {
    std::vector<std::string> names;
    for (const int32_t user : counts.users)
      names.push_back(dataset.users[static_cast<size_t>(user)]);
    Say(log, "USERS_WITHOUT_TRAINING", counts.strangers,
        absl::StrCat(Counted(counts.strangers, "held-out row"),
                     " of users without a training row: a recommender that "
                     "learns users knows nothing of them, and is not measured on them"),
        true, std::move(names));
  }
  if (counts.few > 0) {
    Say(log, "FEW_CANDIDATES", counts.few,
        absl::StrCat(share(counts.few), " have at most ", kCutoff,
                     " items to choose from, all others being the user's "
                     "own: their HR@10 is 1 whatever the recommender does"),
        true);
  }
}

}  // namespace recsae::probe
