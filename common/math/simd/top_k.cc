// Selection in two passes over a row: a bound that at least k values reach, from the maxima of
// interleaved groups, then the few values above it; what is too many is taken away again.
#include "common/math/simd/top_k.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "common/math/simd/kernels.h"

// Lists up to this length are cut by ranks. (Seen by the code for each instruction set.)
#ifndef RECSAE_COMMON_MATH_SIMD_TOP_K_MAX_RANKED
#define RECSAE_COMMON_MATH_SIMD_TOP_K_MAX_RANKED
namespace recsae::math {
constexpr int kMaxRanked = 128;
}  // namespace recsae::math
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "common/math/simd/top_k.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace recsae::math::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, 16>;
using Vec = hn::Vec<Floats>;

constexpr int kLanes = static_cast<int>(hn::MaxLanes(Floats()));
// Groups whose maxima the bound is taken from.
constexpr int kGroups = 64;
// Groups that BoundOf folds into at most.
constexpr int kMaxFolded = 64;

// The largest of each kGroups-th value, for n >= kGroups.
HWY_INLINE void FindMaxima(const PreActivationSpan& pre, float* maxima) {
  const Floats d;
  std::copy_n(pre.values, kGroups, maxima);
  for (int i = kGroups; i + kGroups <= pre.n; i += kGroups) {
    for (int g = 0; g < kGroups; g += kLanes) {
      const Vec values = hn::LoadU(d, pre.values + i + g);
      hn::StoreU(hn::Max(hn::LoadU(d, maxima + g), values), d, maxima + g);
    }
  }
}

// How many of the maxima reach the bound; groups is a multiple of kLanes.
HWY_INLINE int CountReached(const float* maxima, int groups, float bound) {
  const Floats d;
  const Vec bounds = hn::Set(d, bound);
  size_t count = 0;
  for (int g = 0; g < groups; g += kLanes) {
    count += hn::CountTrue(d, hn::Ge(hn::LoadU(d, maxima + g), bounds));
  }
  return static_cast<int>(count);
}

// A value close to the k-th largest of the maxima that at least k of them reach, by bisection
// between floor and the largest; floor where there is none.
HWY_INLINE float BoundOf(const float* maxima, int groups, int k, float floor) {
  // A bound that one more reaches saves steps; what is too many is taken away later.
  constexpr int kSlack = 1;
  constexpr int kMaxSteps = 12;
  const Floats d;
  HWY_ALIGN float folded[kMaxFolded];
  if (groups % 2 == 0 && (groups / 2) % kLanes == 0 && groups / 2 <= kMaxFolded &&
      4 * k <= groups) {
    // Half as many groups, each twice as large, are quicker to look through, and good enough.
    groups /= 2;
    for (int g = 0; g < groups; g += kLanes) {
      hn::StoreU(hn::Max(hn::LoadU(d, maxima + g), hn::LoadU(d, maxima + groups + g)), d,
                 folded + g);
    }
    maxima = folded;
  }
  Vec most = hn::LoadU(d, maxima);
  Vec least = most;
  for (int g = kLanes; g < groups; g += kLanes) {
    most = hn::Max(most, hn::LoadU(d, maxima + g));
    least = hn::Min(least, hn::LoadU(d, maxima + g));
  }
  float high = hn::GetLane(hn::MaxOfLanes(d, most));
  float low = std::max(floor, hn::GetLane(hn::MinOfLanes(d, least)));
  // Also where a NaN or an infinity is among them.
  if (!(low > std::numeric_limits<float>::lowest()) || CountReached(maxima, groups, low) < k) {
    return floor;
  }
  for (int step = 0; step < kMaxSteps; ++step) {
    const float middle = 0.5f * low + 0.5f * high;
    const int reached = CountReached(maxima, groups, middle);
    const bool enough = reached >= k;
    low = enough ? middle : low;
    high = enough ? high : middle;
    if (enough && reached <= k + kSlack) break;
  }
  return low;
}

HWY_INLINE uint32_t MaskBits(hn::Mask<Floats> mask) {
  uint8_t bytes[8] = {};
  hn::StoreMaskBits(Floats(), mask, bytes);
  uint32_t bits = 0;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits;
}

// Appends what exceeds its bound, which the two functions give for a place, by rising latent; NaN
// never does.
template <typename VectorBound, typename ScalarBound>
HWY_INLINE int Append(const PreActivationSpan& pre, const VectorBound& vector_bound,
                      const ScalarBound& scalar_bound, LatentActivation* out) {
  // Vectors in which something exceeds its bound are noted without a branch: few do, and which
  // cannot be foretold.
  constexpr int kBlock = 64;
  struct Hit {
    uint32_t bits;
    int32_t begin;
  };
  const Floats d;
  int count = 0;
  int begin = 0;
  while (begin + kLanes <= pre.n) {
    Hit hits[kBlock];
    int hit_count = 0;
    const int vectors = std::min(kBlock, (pre.n - begin) / kLanes);
    for (int v = 0; v < vectors; ++v, begin += kLanes) {
      const uint32_t bits = MaskBits(hn::Gt(hn::LoadU(d, pre.values + begin), vector_bound(begin)));
      hits[hit_count] = {bits, begin};
      hit_count += bits != 0 ? 1 : 0;
    }
    for (int h = 0; h < hit_count; ++h) {
      for (uint32_t bits = hits[h].bits; bits != 0; bits &= bits - 1) {
        const int i = hits[h].begin + static_cast<int>(hwy::Num0BitsBelowLS1Bit_Nonzero32(bits));
        out[count++] = {pre.first + i, pre.values[i]};
      }
    }
  }
  for (; begin < pre.n; ++begin) {
    if (pre.values[begin] > scalar_bound(begin)) {
      out[count++] = {pre.first + begin, pre.values[begin]};
    }
  }
  return count;
}

// Appends to list[0..count) what may be among the k largest of both.
int Offer(const PreActivationSpan& pre, int k, float floor, LatentActivation* list, int count) {
  float bound = floor;
  if (count == k) {
    bound = list[0].value;
    for (int c = 1; c < count; ++c) bound = std::min(bound, list[c].value);
  } else if (4 * k < pre.n &&
             (pre.maxima != nullptr ? k <= pre.groups : k <= kGroups && pre.n >= 2 * kGroups)) {
    HWY_ALIGN float maxima[kGroups];
    if (pre.maxima == nullptr) FindMaxima(pre, maxima);
    const float reached = pre.maxima == nullptr ? BoundOf(maxima, kGroups, k, floor)
                                                : BoundOf(pre.maxima, pre.groups, k, floor);
    // What equals it must still get in: less by some of its last bits, or by the least there is.
    bound = std::max(
        floor, reached - std::abs(reached) * 0x1p-22f - std::numeric_limits<float>::denorm_min());
  }
  const Vec bounds = hn::Set(Floats(), bound);
  return count + Append(
                     pre, [&](int) { return bounds; }, [&](int) { return bound; }, list + count);
}

// Keeps the entries that fewer than k exceed, in their order; count <= kMaxRanked.
int KeepLargest(LatentActivation* list, int count, int k) {
  const Floats d;
  HWY_ALIGN float values[kMaxRanked];
  const int padded = (count + kLanes - 1) / kLanes * kLanes;
  for (int c = 0; c < count; ++c) values[c] = list[c].value;
  std::fill(values + count, values + padded, -std::numeric_limits<float>::infinity());
  int kept = 0;
  for (int c = 0; c < count; ++c) {
    const LatentActivation entry = list[c];
    const Vec value = hn::Set(d, entry.value);
    size_t larger = 0;
    for (int i = 0; i < padded; i += kLanes) {
      larger += hn::CountTrue(d, hn::Gt(hn::Load(d, values + i), value));
    }
    list[kept] = entry;
    kept += static_cast<int>(larger) < k ? 1 : 0;
  }
  return kept;
}

int Collect(const PreActivationSpan& pre, const float* threshold, LatentActivation* out) {
  const Floats d;
  if (threshold == nullptr) {
    const Vec zero = hn::Zero(d);
    return Append(
        pre, [&](int) { return zero; }, [](int) { return 0.0f; }, out);
  }
  const float* from = threshold + pre.first;
  return Append(
      pre, [&](int i) { return hn::LoadU(d, from + i); }, [&](int i) { return from[i]; }, out);
}

}  // namespace recsae::math::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recsae::math {
namespace {

HWY_EXPORT(Offer);
HWY_EXPORT(KeepLargest);
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
  if (count <= k) return count;
  if (count > kMaxRanked) {
    std::nth_element(list, list + k, list + count, Before);
    std::sort(list, list + k, [](const auto& a, const auto& b) { return a.latent < b.latent; });
    return k;
  }
  count = HWY_DYNAMIC_DISPATCH(KeepLargest)(list, count, k);
  // Where values tie for the last place.
  for (; count > k; --count) RemoveLeast(list, count);
  return count;
}

// Sets the values of a list to the exact ones, and takes away those not above the floor.
int KeepExact(const ExactProduct& exact, float floor, LatentActivation* list, int count) {
  return EncodeLatents(exact.row, exact.encoder, exact.bias, exact.dim, floor, list, count);
}

}  // namespace

int OfferTopK(const PreActivationSpan& pre, int k, bool positive_only, LatentActivation* list,
              int count) {
  if (k <= 0) return 0;
  const float floor = positive_only ? 0.0f : -std::numeric_limits<float>::infinity();
  const int offered = HWY_DYNAMIC_DISPATCH(Offer)(pre, k, floor, list, count);
  if (pre.exact == nullptr) return Prune(list, offered, k);
  return Prune(list, count + KeepExact(*pre.exact, floor, list + count, offered - count), k);
}

int CollectAbove(const PreActivationSpan& pre, const float* threshold, LatentActivation* out) {
  return HWY_DYNAMIC_DISPATCH(Collect)(pre, threshold, out);
}

int CollectExact(const uint64_t* mask, int words, int32_t first, const ExactProduct& exact,
                 float floor, LatentActivation* out) {
  // As in Append: words in which something is are noted without a branch.
  constexpr int kBlock = 64;
  int hits[kBlock];
  int count = 0;
  for (int begin = 0; begin < words; begin += kBlock) {
    int hit_count = 0;
    for (int w = begin; w < std::min(begin + kBlock, words); ++w) {
      hits[hit_count] = w;
      hit_count += mask[w] != 0 ? 1 : 0;
    }
    for (int h = 0; h < hit_count; ++h) {
      for (uint64_t bits = mask[hits[h]]; bits != 0; bits &= bits - 1) {
        out[count++].latent = first + hits[h] * 64 + std::countr_zero(bits);
      }
    }
  }
  return KeepExact(exact, floor, out, count);
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
  const int count = OfferTopK({values, n, 0}, k, positive_only, list.data(), 0);
  SortByValue(list.data(), count);
  std::copy_n(list.data(), count, out);
  return count;
}

}  // namespace recsae::math
#endif  // HWY_ONCE
