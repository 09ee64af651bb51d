// The 8-bit product is written for AVX-512 VNNI alone: Highway has no operation for it, and without
// one it is not faster than the exact product.
#include "common/math/simd/screening.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#define HWY_WANT_AVX3_DL 1
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "common/math/simd/screening.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

// What both sides of the dispatch pass to each other. (Seen by the code for each instruction set.)
#ifndef RECSAE_COMMON_MATH_SIMD_SCREENING_BLOCK
#define RECSAE_COMMON_MATH_SIMD_SCREENING_BLOCK
namespace recsae::math {

constexpr int kScreenWidth = 48;  // latents of a panel: three vectors
constexpr int kQuad = 4;          // values of one 8-bit dot product

// Panels to multiply, arrays as in Screening.
struct ScreenPanels {
  const int8_t* values;
  const int32_t* offsets;
  const float* steps;
  const float* norms;
  const float* errors;
  const float* bias;
  const float* rounding;
  int quads;
  int count;
};

// One latent in 8 bits.
struct ScreenedLatent {
  float step, norm, error;
  int32_t sum;  // Σ q
};

}  // namespace recsae::math
#endif

HWY_BEFORE_NAMESPACE();
namespace recsae::math::HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3_DL && HWY_COMPILER_GCC && !HWY_COMPILER_CLANG

// Highway 1.0 leaves this part of its AVX3_DL out of what it tells the compiler.
#pragma GCC push_options
#pragma GCC target("avx512vnni")

bool HasDotProduct() { return true; }

// x [d] to q [quads · 4] = x / step rounded, as integers of at most 127; returns what it costs.
ScreenedLatent QuantiseValues(const float* x, int d, int quads, int8_t* q, float* norm) {
  __m512 most = _mm512_setzero_ps();
  for (int i = 0; i < d; i += 16) {
    const __mmask16 mask = static_cast<__mmask16>(d - i >= 16 ? 0xffff : (1 << (d - i)) - 1);
    most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_maskz_loadu_ps(mask, x + i)));
  }
  const float largest = _mm512_reduce_max_ps(most);
  const float step = largest / 127.0f;
  const float inverse = largest > 0.0f ? 127.0f / largest : 0.0f;
  __m512 squares = _mm512_setzero_ps();
  __m512 error_squares = _mm512_setzero_ps();
  __m512i sums = _mm512_setzero_si512();
  for (int i = 0; i < d; i += 16) {
    const __mmask16 mask = static_cast<__mmask16>(d - i >= 16 ? 0xffff : (1 << (d - i)) - 1);
    const __m512 value = _mm512_maskz_loadu_ps(mask, x + i);
    const __m512i rounded = _mm512_cvtps_epi32(_mm512_mul_ps(value, _mm512_set1_ps(inverse)));
    const __m512 error = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(rounded), _mm512_set1_ps(step), value);
    squares = _mm512_fmadd_ps(value, value, squares);
    error_squares = _mm512_fmadd_ps(error, error, error_squares);
    sums = _mm512_add_epi32(sums, rounded);
    const __mmask16 room =
        static_cast<__mmask16>(quads * kQuad - i >= 16 ? 0xffff : (1 << (quads * kQuad - i)) - 1);
    _mm512_mask_cvtsepi32_storeu_epi8(q + i, room, rounded);
  }
  *norm = std::sqrt(_mm512_reduce_add_ps(squares));
  const float error = std::sqrt(_mm512_reduce_add_ps(error_squares));
  return {step, *norm + error, error, _mm512_reduce_add_epi32(sums)};
}

template <int kRows>
HWY_INLINE void BoundPanel(const ScreenPanels& panels, int panel, const uint8_t* rows,
                           const float* steps, const float* norms, const float* errors, float* out,
                           float* maxima) {
  constexpr int kVectors = kScreenWidth / 16;
  const int64_t at = static_cast<int64_t>(panel) * kScreenWidth;
  const int8_t* latents = panels.values + at * panels.quads * kQuad;
  const int64_t row_bytes = static_cast<int64_t>(panels.quads) * kQuad;
  __m512i sums[kRows][kVectors];
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; ++v) {
    const __m512i offset = _mm512_loadu_si512(panels.offsets + at + v * 16);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) sums[r][v] = offset;
  }
  for (int quad = 0; quad < panels.quads; ++quad, latents += kScreenWidth * kQuad) {
    __m512i column[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) column[v] = _mm512_loadu_si512(latents + v * 64);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      int32_t four = 0;
      std::memcpy(&four, rows + r * row_bytes + quad * kQuad, sizeof(four));
      const __m512i value = _mm512_set1_epi32(four);
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) {
        // As _mm512_dpbusd_epi32, for which GCC 12 runs out of registers here.
        asm("vpdpbusd %2, %1, %0" : "+v"(sums[r][v]) : "v"(value), "v"(column[v]));
      }
    }
  }
  const int64_t stride = static_cast<int64_t>(panels.count) * kScreenWidth;
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; ++v) {
    const __m512 step = _mm512_loadu_ps(panels.steps + at + v * 16);
    const __m512 norm = _mm512_loadu_ps(panels.norms + at + v * 16);
    const __m512 error = _mm512_loadu_ps(panels.errors + at + v * 16);
    const __m512 bias = _mm512_loadu_ps(panels.bias + at + v * 16);
    const __m512 rounding = _mm512_loadu_ps(panels.rounding + at + v * 16);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      __m512 margin = _mm512_fmadd_ps(norm, _mm512_set1_ps(errors[r]), rounding);
      margin = _mm512_fmadd_ps(error, _mm512_set1_ps(norms[r]), margin);
      const __m512 about = _mm512_fmadd_ps(_mm512_mul_ps(step, _mm512_cvtepi32_ps(sums[r][v])),
                                           _mm512_set1_ps(steps[r]), bias);
      _mm512_storeu_ps(out + r * stride + at + v * 16, _mm512_add_ps(about, margin));
      __m512 least = _mm512_sub_ps(about, margin);
      float* most = maxima + (2 * r + panel % 2) * kScreenWidth + v * 16;
      if (panel >= 2) least = _mm512_max_ps(least, _mm512_loadu_ps(most));
      _mm512_storeu_ps(most, least);
    }
  }
}

template <int kRows>
HWY_INLINE void BoundSome(const ScreenPanels& panels, const uint8_t* rows, const float* steps,
                          const float* norms, const float* errors, float* out, float* maxima) {
  for (int panel = 0; panel < panels.count; ++panel) {
    BoundPanel<kRows>(panels, panel, rows, steps, norms, errors, out, maxima);
  }
}

void BoundRows(const ScreenPanels& panels, const uint8_t* rows, int n, const float* steps,
               const float* norms, const float* errors, float* out, float* maxima) {
  if (n == Screening::kMaxRows) {
    BoundSome<Screening::kMaxRows>(panels, rows, steps, norms, errors, out, maxima);
    return;
  }
  for (int r = 0; r < n; ++r) {
    BoundSome<1>(panels, rows + static_cast<int64_t>(r) * panels.quads * kQuad, steps + r,
                 norms + r, errors + r, out + static_cast<int64_t>(r) * panels.count * kScreenWidth,
                 maxima + static_cast<int64_t>(r) * 2 * kScreenWidth);
  }
}

#pragma GCC pop_options

#else

bool HasDotProduct() { return false; }

ScreenedLatent QuantiseValues(const float*, int, int, int8_t*, float*) { return {}; }

void BoundRows(const ScreenPanels&, const uint8_t*, int, const float*, const float*, const float*,
               float*, float*) {}

#endif

}  // namespace recsae::math::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recsae::math {

HWY_EXPORT(HasDotProduct);
HWY_EXPORT(QuantiseValues);
HWY_EXPORT(BoundRows);

bool Screening::Available() { return HWY_DYNAMIC_DISPATCH(HasDotProduct)(); }

bool Screening::Pays(int latents, int dim, int k) {
  constexpr int kMinDim = 16;
  constexpr int kLatentsPerActive = 32;
  return Available() && dim >= kMinDim && int64_t{k} * kLatentsPerActive <= latents;
}

void Screening::Resize(int latents, int dim) {
  latents_ = latents;
  dim_ = dim;
  width_ = kScreenWidth;
  panels_ = (latents + width_ - 1) / width_;
  const auto padded = static_cast<size_t>(panels_) * static_cast<size_t>(width_);
  values_.resize(padded * static_cast<size_t>((dim + kQuad - 1) / kQuad * kQuad));
  offsets_.resize(padded);
  for (auto* array : {&steps_, &norms_, &errors_, &bias_, &rounding_}) array->resize(padded);
}

void Screening::Pack(const float* encoder, const float* bias, int first, int last) {
  const int quads = (dim_ + kQuad - 1) / kQuad;
  // Rounding of sums of d products, by the crudest of bounds.
  const float rounding = static_cast<float>(dim_ + 8) * std::numeric_limits<float>::epsilon();
  std::vector<int8_t> q(static_cast<size_t>(quads) * kQuad);
  for (int j = first * width_; j < last * width_; ++j) {
    const auto at = static_cast<size_t>(j);
    const int lane = j % width_;
    int8_t* to = &values_[static_cast<size_t>(j - lane) * q.size()];
    ScreenedLatent latent{};
    float norm = 0.0f;
    if (j < latents_) {
      latent = HWY_DYNAMIC_DISPATCH(QuantiseValues)(encoder + static_cast<int64_t>(j) * dim_, dim_,
                                                    quads, q.data(), &norm);
    } else {
      std::fill(q.begin(), q.end(), int8_t{0});
    }
    for (int quad = 0; quad < quads; ++quad) {
      std::memcpy(to + int64_t{quad * width_ + lane} * kQuad, &q[static_cast<size_t>(quad) * kQuad],
                  kQuad);
    }
    offsets_[at] = -128 * latent.sum;
    steps_[at] = latent.step;
    norms_[at] = latent.norm;
    errors_[at] = latent.error + rounding * norm;
    bias_[at] = -std::numeric_limits<float>::infinity();
    if (j < latents_) bias_[at] = bias == nullptr ? 0.0f : bias[j];
    rounding_[at] = j < latents_ ? rounding * std::abs(bias_[at]) : 0.0f;
  }
}

void Screening::Quantise(const float* rows, int n, ScreenedRows& out) const {
  const int quads = (dim_ + kQuad - 1) / kQuad;
  const auto count = static_cast<size_t>(n);
  out.values.resize(count * static_cast<size_t>(quads) * kQuad);
  out.steps.resize(count);
  out.norms.resize(count);
  out.errors.resize(count);
  for (size_t r = 0; r < count; ++r) {
    uint8_t* to = &out.values[r * static_cast<size_t>(quads) * kQuad];
    const ScreenedLatent row =
        HWY_DYNAMIC_DISPATCH(QuantiseValues)(rows + static_cast<int64_t>(r) * dim_, dim_, quads,
                                             reinterpret_cast<int8_t*>(to), &out.norms[r]);
    // Adding 128 to a signed byte turns over its highest bit.
    for (int i = 0; i < quads * kQuad; ++i) to[i] ^= 0x80;
    out.steps[r] = row.step;
    out.errors[r] = row.error;
  }
}

void Screening::Bound(const ScreenedRows& rows, int begin, int n, int first, int last, float* out,
                      float* maxima) const {
  const int quads = (dim_ + kQuad - 1) / kQuad;
  const auto at = static_cast<size_t>(first) * static_cast<size_t>(width_);
  const auto row = static_cast<size_t>(begin);
  const auto row_bytes = static_cast<size_t>(quads) * kQuad;
  if (last - first == 1) {
    std::fill_n(maxima, n * groups(), -std::numeric_limits<float>::infinity());
  }
  HWY_DYNAMIC_DISPATCH(BoundRows)
  ({&values_[at * row_bytes], &offsets_[at], &steps_[at], &norms_[at], &errors_[at], &bias_[at],
    &rounding_[at], quads, last - first},
   &rows.values[row * row_bytes], n, &rows.steps[row], &rows.norms[row], &rows.errors[row], out,
   maxima);
}

}  // namespace recsae::math
#endif  // HWY_ONCE
