// Seeded random numbers whose sequence is the same on every machine and standard library.
#ifndef RECSAE_COMMON_BASE_RANDOM_H_
#define RECSAE_COMMON_BASE_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

namespace recsae {

// SplitMix64 (Steele et al. 2014). Not thread-safe. Its whole state is one number, so that a
// generator can be made for any (seed, stream) pair.
class Random {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0) : state_(seed ^ (stream * kOdd)) { Next(); }

  uint64_t Next() {
    uint64_t z = (state_ += kGamma);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  // Even in [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

  // Even in [0, n), n > 0. (The bias of the multiplication is below n / 2^64.)
  uint64_t Below(uint64_t n) {
    return static_cast<uint64_t>((__extension__ static_cast<unsigned __int128>(Next()) * n) >> 64);
  }

  // Standard normal (Box-Muller).
  double Normal() {
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

  template <typename T>
  void Shuffle(std::vector<T>* values) {
    for (size_t i = values->size(); i > 1; --i) std::swap((*values)[i - 1], (*values)[Below(i)]);
  }

 private:
  static constexpr uint64_t kGamma = 0x9E3779B97F4A7C15ULL;
  static constexpr uint64_t kOdd = 0xD1B54A32D192ED03ULL;
  uint64_t state_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_RANDOM_H_
