// Which interactions of a data set count, how they are split, and which columns mean what.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_OPTIONS_H_
#define RECSAE_SERVICES_PROBE_DATASETS_OPTIONS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace recsae::probe {

enum class SplitMode {
  kOwn,          // the format's own
  kLeaveOneOut,  // a user's last interaction is a test case, the one before it a dev case
  kGiven,        // as the files say
};

enum class RepeatMode {
  kOwn,   // kKeep, but without times rows equal in user and item are duplicates
  kKeep,  // all count; rows equal in user, item and time once
  kDrop,  // a user's first interaction with an item counts
};

// What a column may mean.
enum class Role { kUser, kItem, kTime, kRating, kTitle, kSplit };
inline constexpr size_t kRoles = 6;

// The columns that a caller names; empty: recognised by their names.
struct ColumnNames {
  std::array<std::string, kRoles> roles;
  std::vector<std::string> attributes;  // of items; empty: those that look like it

  const std::string& of(Role role) const { return roles[static_cast<size_t>(role)]; }
  std::string& of(Role role) { return roles[static_cast<size_t>(role)]; }
};

// Unset fields take the format's own rule.
struct DatasetOptions {
  // Users and items with fewer interactions are dropped until none is left; 0: all are kept.
  std::optional<int> core = std::nullopt;
  // Interactions rated (or, for listening counts, counted) lower do not count.
  std::optional<double> positive_threshold = std::nullopt;
  SplitMode split = SplitMode::kOwn;
  uint64_t seed = 0;  // of random draws
  ColumnNames columns = {};
  RepeatMode repeats = RepeatMode::kOwn;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_OPTIONS_H_
