// Who describes and who measures: users and items that have one part each, so that nothing is
// confirmed by what it was made from.
#ifndef SERVICES_EXPLAINER_LABELING_ROLES_H_
#define SERVICES_EXPLAINER_LABELING_ROLES_H_

#include <cstdint>

#include "common/base/random.h"

namespace recsae::explainer {

// What a user is for. Nobody is for two things.
enum class Role : uint8_t {
  kDescribe = 0,   // descriptions are chosen and fitted on them
  kThreshold = 1,  // thresholds are set on them
  kMeasure = 2,    // all that is reported is of them
};
inline constexpr int kRoles = 3;

// Two fifths, one fifth, two fifths of all users, by a hash of seed and number.
inline Role RoleOf(uint64_t seed, int32_t user) {
  constexpr uint64_t kStream = 11;
  const uint64_t fifth = Random::Mix(seed, kStream, static_cast<uint64_t>(user)) % 5;
  if (fifth < 2) return Role::kDescribe;
  return fifth == 2 ? Role::kThreshold : Role::kMeasure;
}

// Half of the items speak where a latent is described, the other half where that is tested.
inline bool DescribesItem(uint64_t seed, int32_t item) {
  constexpr uint64_t kStream = 13;
  return Random::Mix(seed, kStream, static_cast<uint64_t>(item)) % 2 == 0;
}

// Which items of a case speak: of the recommended ones all or half, or, in place of these, the last
// ones of the history or the very last.
struct Speaking {
  enum class Items : uint8_t { kAll, kDescribing, kTesting, kRead, kLastRead };
  bool of_history() const { return items == Items::kRead || items == Items::kLastRead; }
  Items items = Items::kAll;
  uint64_t seed = 0;

  bool operator()(int32_t item) const {
    if (items == Items::kAll || of_history()) return true;
    return DescribesItem(seed, item) == (items == Items::kDescribing);
  }
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_LABELING_ROLES_H_
