// A random sample of rows whose number is not known beforehand.
#ifndef RECSAE_COMMON_BASE_RESERVOIR_H_
#define RECSAE_COMMON_BASE_RESERVOIR_H_

#include <cstdint>

#include "common/base/random.h"

namespace recsae {

// Where row number `seen` (from 0) goes in a sample of at most `most` rows, so that each row seen
// so far has the same chance to be in it: place `seen` while there is room, then that of a row
// which it takes the place of, or -1 for nowhere.
inline int64_t ReservoirPlace(int64_t seen, int64_t most, Random& random) {
  if (seen < most) return seen;
  const auto place = static_cast<int64_t>(random.Below(static_cast<uint64_t>(seen) + 1));
  return place < most ? place : -1;
}

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_RESERVOIR_H_
