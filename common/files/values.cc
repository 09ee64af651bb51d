#include "common/files/values.h"

#include <bit>
#include <cmath>

namespace recsae {

static_assert(std::endian::native == std::endian::little,
              "values are copied as they are: a big-endian host would have to swap bytes");

float FromHalf(uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;
  const int fraction = bits & 0x3FF;
  const float sign = (bits & 0x8000) != 0 ? -1.0f : 1.0f;
  if (exponent == 0x1F) return std::bit_cast<float>(0x7F800000u | static_cast<uint32_t>(fraction));
  // 1.f · 2^(e − 15), or 0.f · 2^−14 for the smallest.
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(0x400 | fraction), exponent - 25);
}

float FromBfloat16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

}  // namespace recsae
