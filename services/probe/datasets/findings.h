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

// Says of the data set, which is split: users too short to hold out from, held-out rows whose item
// the user has in training (also counted in dataset.test_seen), whose item nobody has in training,
// whose user has no training, or that have hardly anything to choose from. `given`: the files say
// what is held out.
void NoteSplit(bool given, InteractionLog* log);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_FINDINGS_H_
