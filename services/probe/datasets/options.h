// Which interactions of a data set count and how they are split.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_OPTIONS_H_
#define RECSAE_SERVICES_PROBE_DATASETS_OPTIONS_H_

#include <cstdint>
#include <optional>

namespace recsae::probe {

enum class SplitMode {
  kOwn,          // the format's own
  kLeaveOneOut,  // a user's last interaction is a test case, the one before it a dev case
  kGiven,        // as the files say
};

// Unset fields take the format's own rule.
struct DatasetOptions {
  // Users and items with fewer interactions are dropped until none is left; 0: all are kept.
  std::optional<int> core = std::nullopt;
  // Interactions rated (or, for listening counts, counted) lower do not count.
  std::optional<double> positive_threshold = std::nullopt;
  SplitMode split = SplitMode::kOwn;
  uint64_t seed = 0;  // of random draws
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_OPTIONS_H_
