// What a thread does that watches for another one.
#ifndef RECSAE_COMMON_MATH_SIMD_PAUSE_H_
#define RECSAE_COMMON_MATH_SIMD_PAUSE_H_

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace recsae::math {

// Tells the core that this is a loop that waits, so that its sibling gets the execution units.
inline void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_SIMD_PAUSE_H_
