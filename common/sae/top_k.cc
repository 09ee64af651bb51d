// SelectTopK: a bound below the k-th largest first, then insertion of the few values above it into
// a short sorted list.
#include "common/sae/top_k.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/sae/simd.h"

namespace recsae::sae {
namespace {

// Above this an insertion into the sorted list costs more than sorting what passes.
constexpr int kMaxInsertion = 64;
constexpr int kBlock = 16;
constexpr int kLanes = 32;

// What a value must exceed to be selected at all.
RECSAE_ALWAYS_INLINE float Floor(bool positive_only) {
  return positive_only ? 0.0f : -std::numeric_limits<float>::infinity();
}

int SelectBySorting(const float* values, int n, int k, bool positive_only, LatentActivation* out) {
  const float floor = Floor(positive_only);
  std::vector<LatentActivation> all;
  all.reserve(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) {
    if (values[i] > floor) all.push_back({i, values[i]});
  }
  const int count = std::min<int>(k, static_cast<int>(all.size()));
  std::partial_sort(all.begin(), all.begin() + count, all.end(), [](const auto& a, const auto& b) {
    return a.value > b.value || (a.value == b.value && a.latent < b.latent);
  });
  std::copy_n(all.begin(), count, out);
  return count;
}

// The sorted list so far, and the value that a later one must exceed to get in.
struct Selection {
  LatentActivation* out;
  int k;
  int count;
  float threshold;
};

RECSAE_ALWAYS_INLINE void Insert(int index, float value, Selection& selection) {
  int at = selection.count < selection.k ? selection.count++ : selection.k - 1;
  for (; at > 0 && selection.out[at - 1].value < value; --at) {
    selection.out[at] = selection.out[at - 1];
  }
  selection.out[at] = {index, value};
  if (selection.count == selection.k) selection.threshold = selection.out[selection.k - 1].value;
}

// A value that at least k of the values reach: the k-th largest of kLanes maxima, each of every
// kLanes-th value. Close to the k-th largest of all, and found without a branch that depends on
// data.
RECSAE_ALWAYS_INLINE float LowerBound(const float* values, int n, int k) {
  float maxima[kLanes];
  for (int l = 0; l < kLanes; ++l) maxima[l] = values[l];
  for (int i = kLanes; i + kLanes <= n; i += kLanes) {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
      maxima[l] = values[i + l] > maxima[l] ? values[i + l] : maxima[l];
    }
  }
  int32_t reached_by[kLanes] = {};
  for (int other = 0; other < kLanes; ++other) {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) reached_by[l] += maxima[other] >= maxima[l] ? 1 : 0;
  }
  float bound = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : bound)
  for (int l = 0; l < kLanes; ++l) {
    const float candidate =
        reached_by[l] >= k ? maxima[l] : -std::numeric_limits<float>::infinity();
    bound = candidate > bound ? candidate : bound;
  }
  return bound;
}

RECSAE_MULTIVERSION
int SelectByInsertion(const float* values, int n, bool positive_only, int k,
                      LatentActivation* out) {
  Selection selection{out, k, 0, Floor(positive_only)};
  if (n >= 4 * kLanes && k <= kLanes / 2) {
    // What equals the bound must still get in.
    const float below = std::nextafter(LowerBound(values, n, k), -HUGE_VALF);
    selection.threshold = std::max(selection.threshold, below);
  }
  int i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    const float threshold = selection.threshold;
    int above = 0;
#pragma omp simd reduction(| : above)
    for (int j = 0; j < kBlock; ++j) above |= values[i + j] > threshold ? 1 : 0;
    if (above == 0) continue;
    for (int j = 0; j < kBlock; ++j) {
      if (values[i + j] > selection.threshold) Insert(i + j, values[i + j], selection);
    }
  }
  for (; i < n; ++i) {
    if (values[i] > selection.threshold) Insert(i, values[i], selection);
  }
  return selection.count;
}

}  // namespace

int SelectTopK(const float* values, int n, int k, bool positive_only, LatentActivation* out) {
  k = std::min(k, n);
  if (k <= 0) return 0;
  if (k > kMaxInsertion) return SelectBySorting(values, n, k, positive_only, out);
  return SelectByInsertion(values, n, positive_only, k, out);
}

int SelectAbove(const float* values, const float* threshold, int n, LatentActivation* out) {
  int count = 0;
  for (int i = 0; i < n; ++i) {
    if (values[i] > (threshold == nullptr ? 0.0f : threshold[i])) out[count++] = {i, values[i]};
  }
  std::sort(out, out + count, [](const auto& a, const auto& b) {
    return a.value > b.value || (a.value == b.value && a.latent < b.latent);
  });
  return count;
}

}  // namespace recsae::sae
