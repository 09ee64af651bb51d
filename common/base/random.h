// Seeded random numbers whose sequences are the same on every machine and standard library.
#ifndef RECSAE_COMMON_BASE_RANDOM_H_
#define RECSAE_COMMON_BASE_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <utility>
#include <vector>

namespace recsae {

// What is drawn from a source of even 64-bit numbers: Source::Next() and Source::Below(n).
template <typename Source>
class Draws {
 public:
  // Even in [0, 1).
  double Uniform() { return static_cast<double>(source().Next() >> 11) * 0x1.0p-53; }

  // Standard normal (Box-Muller).
  double Normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * Uniform());
  }

  template <typename T>
  void Shuffle(std::vector<T>* values) {
    for (size_t i = values->size(); i > 1; --i) {
      std::swap((*values)[i - 1], (*values)[source().Below(i)]);
    }
  }

 private:
  Source& source() { return static_cast<Source&>(*this); }
};

// SplitMix64 (Steele et al. 2014): the one to take. Not thread-safe. Its whole state is one number,
// so that a generator can be made for any (seed, stream) pair.
class Random : public Draws<Random> {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0) : state_(seed ^ (stream * kOdd)) { Next(); }

  uint64_t Next() { return Mixed(state_ += kGamma); }

  // Even in [0, n), n > 0. (The bias of the multiplication is below n / 2^64.)
  uint64_t Below(uint64_t n) {
    return static_cast<uint64_t>((__extension__ static_cast<unsigned __int128>(Next()) * n) >> 64);
  }

  // A well-mixed number for (seed, a, b), without a generator.
  static uint64_t Mix(uint64_t seed, uint64_t a, uint64_t b) {
    return Mixed(seed + kGamma * (a + 1) + kOdd * (b + 1));
  }

 private:
  static constexpr uint64_t kGamma = 0x9E3779B97F4A7C15ULL;
  static constexpr uint64_t kOdd = 0xD1B54A32D192ED03ULL;

  static uint64_t Mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  uint64_t state_;
};

// The Mersenne Twister (std::mt19937_64, whose sequence the standard fixes), for what drew from it
// before there was Random, and would come out otherwise now: first weights of an SAE, resampled
// latents, the cases that verify a concept. Not thread-safe.
class MersenneRandom : public Draws<MersenneRandom> {
 public:
  explicit MersenneRandom(uint64_t seed) : bits_(seed) {}

  uint64_t Next() { return bits_(); }

  // In [0, n), n > 0, by the remainder. (Its bias is below n / 2^64.)
  uint64_t Below(uint64_t n) { return bits_() % n; }

 private:
  std::mt19937_64 bits_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_RANDOM_H_
