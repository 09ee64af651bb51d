// The steps that all readers share: catalogue facts, thresholds, duplicates, time order, k-core,
// splits.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_BUILD_H_
#define RECSAE_SERVICES_PROBE_DATASETS_BUILD_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/datasets/log.h"
#include "services/probe/datasets/options.h"

namespace recsae::probe {

// Adds `key`=value for each part of `values` (parts separated by '|'; parts that say nothing left
// out).
void AddAttributes(absl::string_view key, absl::string_view values, Item* item);

// Adds decade=1990s when the title ends in a year, "(1995)".
void AddTitleDecade(Item* item);

// Splits the sequences: a user's last item is a test case, the last but one a dev case, the rest
// training; users with fewer than 3 interactions train only.
void LeaveOneOut(Dataset* dataset);

// The data set of a log, with its remarks. `options` must have a core; a split that is kOwn is the
// one that the log gives, else leave-one-out. Where the log has no order, one is drawn. Errors:
// INVALID_ARGUMENT (DATASET_SPLIT_UNKNOWN) when the split asked for is not in the files,
// (DATASET_RATINGS_UNKNOWN) when a threshold is and they rate nothing, (DATASET_OPTIONS_INVALID)
// for a core of a given split, (DATASET_EMPTY) when nothing is left, with what was left out and
// why; what log.reading.proceed returns.
absl::StatusOr<Dataset> Assemble(const std::string& folder, const DatasetOptions& options,
                                 InteractionLog log);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_BUILD_H_
