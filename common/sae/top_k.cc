// SelectTopK: insertion into a short sorted list, whole blocks skipped by their maximum.
#include "common/sae/top_k.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "common/sae/simd.h"

namespace recsae::sae {
namespace {

// Above this an insertion into the sorted list costs more than sorting what passes.
constexpr int kMaxInsertion = 64;
constexpr int kBlock = 32;

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

RECSAE_MULTIVERSION
int SelectByInsertion(const float* values, int n, bool positive_only, int k,
                      LatentActivation* out) {
  Selection selection{out, k, 0, Floor(positive_only)};
  int i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    int above = 0;
    for (int j = 0; j < kBlock; ++j) above |= values[i + j] > selection.threshold;
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

}  // namespace recsae::sae
