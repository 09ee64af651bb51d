// The steps that all readers share: dense indices, catalogue facts, time order, k-core, splits.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_BUILD_H_
#define RECSAE_SERVICES_PROBE_DATASETS_BUILD_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/datasets/text_file.h"

namespace recsae::probe {

// External ids to dense indices in order of first appearance.
class IdIndex {
 public:
  int32_t Add(absl::string_view id);         // the index of `id`, new or old
  int32_t Find(absl::string_view id) const;  // or -1
  const std::vector<std::string>& ids() const { return ids_; }

 private:
  absl::flat_hash_map<std::string, int32_t> index_;
  std::vector<std::string> ids_;
};

struct Interaction {
  int32_t user = 0;
  int32_t item = 0;
  double time = 0;  // any unit; ties keep the order of the file
};

// A finite number, or false.
bool ParseNumber(absl::string_view text, double* value);

// Adds `key`=value for each part of `values` (parts separated by '|'; blank parts left out).
void AddAttributes(absl::string_view key, absl::string_view values, Item* item);

// Adds decade=1990s when the title ends in "(1995)".
void AddTitleDecade(Item* item);

// Items that interactions name but no catalogue file describes get their id as title.
void CompleteCatalog(const IdIndex& item_index, Dataset* dataset);

// Sorts by user and then by time, ties in the order given.
void SortInteractions(std::vector<Interaction>* interactions);

// Repeatedly drops users and items with fewer than `core` interactions, until none is left.
void KeepCore(int core, std::vector<Interaction>* interactions);

// Drops what no interaction mentions from users and items and renumbers both.
void DropUnused(std::vector<Interaction>* interactions, Dataset* dataset);

// Fills sequences and splits them: a user's last item is a test case, the last but one a dev case,
// the rest training; users with fewer than 3 interactions train only. Sorts `interactions`.
void LeaveOneOut(std::vector<Interaction>* interactions, Dataset* dataset);

// Moves the counts of skipped lines into the data set.
void SetMalformed(Malformed malformed, Dataset* dataset);

// INVALID_ARGUMENT (DATASET_EMPTY) if the data set has no interaction to train on.
absl::Status CheckNotEmpty(const Dataset& dataset, const std::string& path);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_BUILD_H_
