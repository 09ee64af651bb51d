// The interactions and the catalogue that recommenders are trained and evaluated on, in memory.
//
// Items and users are dense indices from 0; their external ids are kept beside them. Plain values:
// immutable once read, and then safe to share between threads.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_DATASET_H_
#define RECSAE_SERVICES_PROBE_DATASETS_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "services/probe/datasets/remarks.h"

namespace recsae::probe {

// One fact about an item: genre=Horror, decade=1980s. An item may have several values of one key.
struct Attribute {
  std::string key;
  std::string value;
  bool operator==(const Attribute&) const = default;
};

struct Item {
  std::string id;  // as in the source
  std::string title;
  std::vector<Attribute> attributes;
};

// One place in a user's sequence: the item there is the target, the items before it the history.
struct Case {
  int32_t user = 0;
  int32_t position = 0;  // index into Dataset::sequences[user]
  bool operator==(const Case&) const = default;
};

struct Dataset {
  std::string name;
  std::vector<Item> items;
  std::vector<std::string> users;               // external ids
  std::vector<std::vector<int32_t>> sequences;  // [user]: item indices, oldest first
  std::vector<int32_t> train_length;  // [user]: this prefix of the sequence is for training
  std::vector<Case> dev;              // held out beyond the training prefix
  std::vector<Case> test;
  std::vector<int32_t> item_concept;       // planted generator only: ground truth of each item
  std::vector<std::string> concept_names;  // planted generator only
  int64_t malformed_lines = 0;             // skipped while reading
  std::vector<std::string> malformed;      // the first of them: "file:line: what is wrong"
  std::vector<Remark> remarks;             // what was dropped, guessed, merged or converted
  int64_t test_seen = 0;                   // test cases whose item the user has in training too
};

// The case's target: the item at its position.
int32_t Target(const Dataset& dataset, const Case& c);

// The (at most) `limit` items just before the case's position, oldest first. A view into the
// data set: valid as long as the data set lives.
absl::Span<const int32_t> History(const Dataset& dataset, const Case& c, int limit);

// The items that evaluation masks for the case ("test-all"): everything the user touched in
// training, dev or test, except the target. Sorted, without repetition.
std::vector<int32_t> Excluded(const Dataset& dataset, const Case& c);

// Every training interaction with at least `min_history` items before it, user by user.
std::vector<Case> TrainCases(const Dataset& dataset, int min_history);

// The cases with at least one item of history (sequence models skip the others).
std::vector<Case> WithHistory(absl::Span<const Case> cases);

// Of everything above but the name, the planted concepts and what is said of the reading: equal for
// equal data, on every machine. 16 hex digits.
std::string FingerprintOf(const Dataset& dataset);

// Number of interactions: training, dev and test together.
int64_t CountInteractions(const Dataset& dataset);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_DATASET_H_
