// What a data set's own numbers say against it.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_FINDINGS_H_
#define RECSAE_SERVICES_PROBE_DATASETS_FINDINGS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "services/probe/datasets/log.h"

namespace recsae::probe {

// Says how many of the items that interactions name are among the first `described` of the
// catalogue. What log->reading.proceed returns.
absl::Status NoteDescribed(size_t described, InteractionLog* log);

// Who said what is held out.
enum class SplitBy { kLeaveOneOut, kFiles, kHost };

// Says of the data set, which is split: users too short to hold out from, held-out rows whose item
// the user has in training (also counted in dataset.test_seen), whose item nobody has in training,
// whose user has no training, or that have hardly anything to choose from.
void NoteSplit(SplitBy by, InteractionLog* log);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_FINDINGS_H_
