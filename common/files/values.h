// Numbers as files hold them, as float32.
#ifndef RECSAE_COMMON_FILES_VALUES_H_
#define RECSAE_COMMON_FILES_VALUES_H_

#include <cstdint>
#include <cstring>

#include "absl/types/span.h"

namespace recsae {

// IEEE half and bfloat16, by their bits; both are exact.
float FromHalf(uint16_t bits);
float FromBfloat16(uint16_t bits);

// Reads values.size() values of type Stored, one after another and of any alignment.
template <typename Stored, typename Convert>
void ReadValues(const char* bytes, absl::Span<float> values, Convert convert) {
  for (size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert(stored);
  }
}

}  // namespace recsae

#endif  // RECSAE_COMMON_FILES_VALUES_H_
