// Inner loops. Sums run over kLanes independent partial sums: that is what vector registers need,
// and it fixes the order of the additions.
#include "services/probe/recommenders/train/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "services/probe/recommenders/train/multiversion.h"
#include "services/probe/recommenders/train/vector_math.h"

namespace recsae::probe {
namespace {

RECSAE_ALWAYS_INLINE float Max(const float* x, int64_t n) {
  float lanes[kLanes];
  std::fill_n(lanes, kLanes, -std::numeric_limits<float>::infinity());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) lanes[l] = x[i + l] > lanes[l] ? x[i + l] : lanes[l];
  }
  float best = lanes[0];
  for (int l = 1; l < kLanes; ++l) best = std::max(best, lanes[l]);
  for (; i < n; ++i) best = std::max(best, x[i]);
  return best;
}

// x[i] = e^(x[i] - offset); returns their sum.
RECSAE_ALWAYS_INLINE float ExpSum(float* x, int64_t n, float offset) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float e = Exp(x[i + l] - offset);
      x[i + l] = e;
      lanes[l] += e;
    }
  }
  float sum = 0;
  for (; i < n; ++i) sum += x[i] = Exp(x[i] - offset);
  for (const float lane : lanes) sum += lane;
  return sum;
}

RECSAE_ALWAYS_INLINE double SoftmaxGradientOf(float* scores, int64_t n, const int32_t* targets,
                                              int64_t count, float scale) {
  const float best = Max(scores, n);
  double target_scores = 0;
  for (int64_t i = 0; i < count; ++i) {
    target_scores += static_cast<double>(scores[targets[i]]) - best;
  }
  const float sum = ExpSum(scores, n, best);
  const float factor = scale * static_cast<float>(count) / sum;
  for (int64_t i = 0; i < n; ++i) scores[i] *= factor;
  for (int64_t i = 0; i < count; ++i) scores[targets[i]] -= scale;
  return static_cast<double>(count) * std::log(static_cast<double>(sum)) - target_scores;
}

}  // namespace

RECSAE_MULTIVERSION
double SoftmaxGradient(float* scores, int64_t n, int64_t target, float scale) {
  const auto item = static_cast<int32_t>(target);
  return SoftmaxGradientOf(scores, n, &item, 1, scale);
}

RECSAE_MULTIVERSION
double SoftmaxGradient(float* scores, int64_t n, const int32_t* targets, int64_t count,
                       float scale) {
  return SoftmaxGradientOf(scores, n, targets, count, scale);
}

RECSAE_MULTIVERSION
double BprSlopes(const float* rows, int dim, const Triple* triples, int64_t count, float scale,
                 float* slopes) {
  double loss = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto row = [&](int64_t number) { return rows + number * dim; };
    const Triple& t = triples[i];
    const double margin = static_cast<double>(Dot(row(t.user), row(t.positive), dim)) -
                          static_cast<double>(Dot(row(t.user), row(t.negative), dim));
    // log(1 + e^-margin) without overflow.
    const double small = std::exp(-std::abs(margin));
    loss += std::log1p(small) + std::max(0.0, -margin);
    slopes[i] = scale * static_cast<float>((margin > 0 ? small : 1) / (1 + small));
  }
  return loss;
}

RECSAE_MULTIVERSION
void AddBprGradient(const float* rows, int dim, const Triple* triples, const float* slopes,
                    int64_t count, int64_t begin, int64_t end, float* gradient) {
  for (int64_t i = 0; i < count; ++i) {
    const Triple& t = triples[i];
    const auto add = [&](int64_t to, int64_t from, float factor) {
      if (to >= begin && to < end) AddScaled(factor, rows + from * dim, dim, gradient + to * dim);
    };
    add(t.user, t.positive, -slopes[i]);
    add(t.user, t.negative, slopes[i]);
    add(t.positive, t.user, -slopes[i]);
    add(t.negative, t.user, slopes[i]);
  }
}

RECSAE_MULTIVERSION
void FillDropoutMask(uint64_t seed, uint32_t drop, float scale, int64_t n, float* mask) {
  // Each draw serves four elements, 16 bits each; a block of draws fills four runs of its length.
  constexpr int64_t kDraws = 64;
  for (int64_t block = 0; block < n; block += 4 * kDraws) {
    uint64_t draws[kDraws];
    for (int64_t j = 0; j < kDraws; ++j) {
      uint64_t z = seed + (static_cast<uint64_t>(block) + j + 1) * 0x9E3779B97F4A7C15ULL;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
      draws[j] = z ^ (z >> 31);
    }
    for (int64_t run = 0; run < 4; ++run) {
      const int64_t begin = block + run * kDraws;
      const int64_t end = std::min(n, begin + kDraws);
      for (int64_t i = begin; i < end; ++i) {
        mask[i] = ((draws[i - begin] >> (16 * run)) & 0xFFFF) < drop ? 0.0f : scale;
      }
    }
  }
}

// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result): a history has few rows.
RECSAE_MULTIVERSION
void AttendForward(const float* q, const float* k, const float* v, int stride, int first,
                   int length, int dim, bool causal, float* weights, float* out, int out_stride) {
  const float scale = 1 / std::sqrt(static_cast<float>(dim));
  for (int i = 0; i < length; ++i) {
    float* w = weights + i * length;
    std::fill_n(w, length, 0.0f);
    float* o = out + i * out_stride;
    std::fill_n(o, dim, 0.0f);
    if (i < first) continue;
    const int end = causal ? i + 1 : length;
    for (int j = first; j < end; ++j) w[j] = scale * Dot(q + i * stride, k + j * stride, dim);
    const int count = end - first;
    const float sum = ExpSum(w + first, count, Max(w + first, count));
    for (int j = first; j < end; ++j) {
      w[j] /= sum;
      AddScaled(w[j], v + j * stride, dim, o);
    }
  }
}

RECSAE_MULTIVERSION
void AttendBackward(const float* q, const float* k, const float* v, int stride, int first,
                    int length, int dim, bool causal, const float* weights, const float* grad_out,
                    int out_stride, float* grad_q, float* grad_k, float* grad_v) {
  const float scale = 1 / std::sqrt(static_cast<float>(dim));
  for (int i = 0; i < length; ++i) {
    std::fill_n(grad_q + i * stride, dim, 0.0f);
    std::fill_n(grad_k + i * stride, dim, 0.0f);
    std::fill_n(grad_v + i * stride, dim, 0.0f);
  }
  float grad_weight[kMaxLength + 1];  // and a mask token
  for (int i = first; i < length; ++i) {
    const float* w = weights + i * length;
    const float* g = grad_out + i * out_stride;
    const int end = causal ? i + 1 : length;
    float mean = 0;  // of the weights' gradients, weighted: what softmax takes off each of them
    for (int j = first; j < end; ++j) {
      grad_weight[j] = Dot(g, v + j * stride, dim);
      mean += w[j] * grad_weight[j];
      AddScaled(w[j], g, dim, grad_v + j * stride);
    }
    for (int j = first; j < end; ++j) {
      const float grad_score = scale * w[j] * (grad_weight[j] - mean);
      AddScaled(grad_score, k + j * stride, dim, grad_q + i * stride);
      AddScaled(grad_score, q + i * stride, dim, grad_k + j * stride);
    }
  }
}
// NOLINTEND(bugprone-implicit-widening-of-multiplication-result)

}  // namespace recsae::probe
