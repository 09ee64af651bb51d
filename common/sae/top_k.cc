// Selection in two passes over a row: a bound that at least k values reach, from the maxima of
// interleaved groups, then the few values above it; what is too many is taken away again.
#include "common/sae/top_k.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "common/sae/top_k.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace recsae::sae::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, 16>;
using Vec = hn::Vec<Floats>;

constexpr size_t kLanes = hn::MaxLanes(Floats());
// Values whose comparisons fill one word.
constexpr int kWord = 64;
// Groups whose maxima the bound is taken from.
constexpr int kGroups = 64;

template <bool kBias>
HWY_INLINE Vec LoadPre(const PreActivationSpan& pre, int i) {
  const Vec values = hn::LoadU(Floats(), pre.values + i);
  if constexpr (kBias) return hn::Add(values, hn::LoadU(Floats(), pre.bias + i));
  return values;
}

template <bool kBias>
HWY_INLINE float ScalarPre(const PreActivationSpan& pre, int i) {
  return kBias ? pre.values[i] + pre.bias[i] : pre.values[i];
}

// How many of the maxima reach the bound.
HWY_INLINE size_t CountReached(const float* maxima, float bound) {
  const Floats d;
  const Vec bounds = hn::Set(d, bound);
  size_t count = 0;
  for (size_t g = 0; g < kGroups; g += kLanes) {
    count += hn::CountTrue(d, hn::Ge(hn::Load(d, maxima + g), bounds));
  }
  return count;
}

// A value close to the k-th largest of the maxima that at least k of them reach, by bisection
// between the smallest and the largest; −infinity where a NaN or −infinity is among them.
HWY_INLINE float BoundOf(const float* maxima, int k) {
  // A bound that a few more reach saves steps; those are taken away later.
  constexpr size_t kSlack = 2;
  constexpr int kMaxSteps = 12;
  const Floats d;
  Vec least = hn::Load(d, maxima);
  Vec most = least;
  for (size_t g = kLanes; g < kGroups; g += kLanes) {
    least = hn::Min(least, hn::Load(d, maxima + g));
    most = hn::Max(most, hn::Load(d, maxima + g));
  }
  float low = hn::GetLane(hn::MinOfLanes(d, least));
  float high = hn::GetLane(hn::MaxOfLanes(d, most));
  const auto wanted = static_cast<size_t>(k);
  if (CountReached(maxima, low) < kGroups) return -std::numeric_limits<float>::infinity();
  for (int step = 0; step < kMaxSteps; ++step) {
    const float middle = 0.5f * low + 0.5f * high;
    const size_t reached = CountReached(maxima, middle);
    if (reached < wanted) {
      high = middle;
      continue;
    }
    low = middle;
    if (reached <= wanted + kSlack) break;
  }
  return low;
}

// A value that at least k of pre reach; n >= kGroups, k <= kGroups.
template <bool kBias>
HWY_INLINE float LowerBound(const PreActivationSpan& pre, int k) {
  const Floats d;
  constexpr int kVectors = kGroups / static_cast<int>(kLanes);
  HWY_ALIGN float maxima[kGroups];
  if constexpr (kVectors <= 8) {
    Vec most[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      most[v] = LoadPre<kBias>(pre, v * static_cast<int>(kLanes));
    }
    for (int i = kGroups; i + kGroups <= pre.n; i += kGroups) {
      for (int v = 0; v < kVectors; ++v) {
        most[v] = hn::Max(most[v], LoadPre<kBias>(pre, i + v * static_cast<int>(kLanes)));
      }
    }
    for (int v = 0; v < kVectors; ++v) hn::Store(most[v], d, maxima + v * kLanes);
  } else {
    for (int g = 0; g < kGroups; ++g) maxima[g] = ScalarPre<kBias>(pre, g);
    for (int i = kGroups; i + kGroups <= pre.n; i += kGroups) {
      for (int g = 0; g < kGroups; ++g) {
        maxima[g] = std::max(maxima[g], ScalarPre<kBias>(pre, i + g));
      }
    }
  }
  return BoundOf(maxima, k);
}

// Bit i is set where value begin + i exceeds its bound, which `bound` gives for an offset.
template <bool kBias, typename Bound>
HWY_INLINE uint64_t WordAbove(const PreActivationSpan& pre, int begin, const Bound& bound) {
  const Floats d;
  uint64_t word = 0;
  for (int i = 0; i < kWord; i += static_cast<int>(kLanes)) {
    uint8_t bytes[8] = {};
    hn::StoreMaskBits(d, hn::Gt(LoadPre<kBias>(pre, begin + i), bound(begin + i)), bytes);
    uint64_t bits = 0;
    std::memcpy(&bits, bytes, sizeof(bits));
    word |= bits << i;
  }
  return word;
}

// Appends what exceeds its bound, by rising latent; −infinity never does.
template <bool kBias, typename VectorBound, typename ScalarBound>
HWY_INLINE int Append(const PreActivationSpan& pre, const VectorBound& vector_bound,
                      const ScalarBound& scalar_bound, LatentActivation* out) {
  int count = 0;
  int begin = 0;
  for (; begin + kWord <= pre.n; begin += kWord) {
    for (uint64_t word = WordAbove<kBias>(pre, begin, vector_bound); word != 0; word &= word - 1) {
      const int i = begin + static_cast<int>(hwy::Num0BitsBelowLS1Bit_Nonzero64(word));
      out[count++] = {pre.first + i, ScalarPre<kBias>(pre, i)};
    }
  }
  for (; begin < pre.n; ++begin) {
    const float value = ScalarPre<kBias>(pre, begin);
    if (value > scalar_bound(begin)) out[count++] = {pre.first + begin, value};
  }
  return count;
}

// Appends the values above the bound to list[0..count).
template <bool kBias>
HWY_INLINE int Offer(const PreActivationSpan& pre, int k, float floor, LatentActivation* list,
                     int count) {
  float bound = floor;
  if (count == k) {
    for (int c = 0; c < count; ++c) bound = c == 0 ? list[c].value : std::min(bound, list[c].value);
  } else if (k <= kGroups / 2 && pre.n >= 2 * kGroups) {
    // What equals the bound must still get in.
    const float below = std::nextafter(LowerBound<kBias>(pre, k), -HUGE_VALF);
    bound = std::max(floor, below);
  }
  const Vec bounds = hn::Set(Floats(), bound);
  return count + Append<kBias>(
                     pre, [&](int) { return bounds; }, [&](int) { return bound; }, list + count);
}

int OfferAll(const PreActivationSpan& pre, int k, float floor, LatentActivation* list, int count) {
  return pre.bias == nullptr ? Offer<false>(pre, k, floor, list, count)
                             : Offer<true>(pre, k, floor, list, count);
}

template <bool kBias>
HWY_INLINE int CollectThreshold(const PreActivationSpan& pre, const float* threshold,
                                LatentActivation* out) {
  const Floats d;
  if (threshold == nullptr) {
    const Vec zero = hn::Zero(d);
    return Append<kBias>(
        pre, [&](int) { return zero; }, [](int) { return 0.0f; }, out);
  }
  const float* from = threshold + pre.first;
  return Append<kBias>(
      pre, [&](int i) { return hn::LoadU(d, from + i); }, [&](int i) { return from[i]; }, out);
}

int Collect(const PreActivationSpan& pre, const float* threshold, LatentActivation* out) {
  return pre.bias == nullptr ? CollectThreshold<false>(pre, threshold, out)
                             : CollectThreshold<true>(pre, threshold, out);
}

}  // namespace recsae::sae::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recsae::sae {
namespace {

HWY_EXPORT(OfferAll);
HWY_EXPORT(Collect);

bool Before(const LatentActivation& a, const LatentActivation& b) {
  return a.value > b.value || (a.value == b.value && a.latent < b.latent);
}

// Removes the smallest entry; of equal ones the last.
void RemoveLeast(LatentActivation* list, int count) {
  int least = 0;
  for (int c = 1; c < count; ++c) {
    if (list[c].value <= list[least].value) least = c;
  }
  std::copy(list + least + 1, list + count, list + least);
}

// Takes away all but the k largest.
int Prune(LatentActivation* list, int count, int k) {
  // Up to so many removals are cheaper than a partial sort.
  constexpr int kMaxRemovals = 8;
  if (count - k > kMaxRemovals) {
    std::nth_element(list, list + k, list + count, Before);
    std::sort(list, list + k, [](const auto& a, const auto& b) { return a.latent < b.latent; });
    return k;
  }
  for (; count > k; --count) RemoveLeast(list, count);
  return count;
}

}  // namespace

int OfferTopK(const PreActivationSpan& pre, int k, bool positive_only, LatentActivation* list,
              int count) {
  if (k <= 0) return 0;
  const float floor = positive_only ? 0.0f : -std::numeric_limits<float>::infinity();
  return Prune(list, HWY_DYNAMIC_DISPATCH(OfferAll)(pre, k, floor, list, count), k);
}

int CollectAbove(const PreActivationSpan& pre, const float* threshold, LatentActivation* out) {
  return HWY_DYNAMIC_DISPATCH(Collect)(pre, threshold, out);
}

void SortByValue(LatentActivation* code, int count) {
  // Codes are short: insertion beats std::sort's set-up.
  constexpr int kMaxInsertion = 24;
  if (count > kMaxInsertion) {
    std::sort(code, code + count, Before);
    return;
  }
  for (int c = 1; c < count; ++c) {
    const LatentActivation entry = code[c];
    int at = c;
    for (; at > 0 && Before(entry, code[at - 1]); --at) code[at] = code[at - 1];
    code[at] = entry;
  }
}

int SelectTopK(const float* values, int n, int k, bool positive_only, LatentActivation* out) {
  k = std::min(k, n);
  if (k <= 0) return 0;
  thread_local std::vector<LatentActivation> list;
  list.resize(std::max(list.size(), static_cast<size_t>(n) + static_cast<size_t>(k)));
  const int count = OfferTopK({values, nullptr, n, 0}, k, positive_only, list.data(), 0);
  SortByValue(list.data(), count);
  std::copy_n(list.data(), count, out);
  return count;
}

}  // namespace recsae::sae
#endif  // HWY_ONCE
