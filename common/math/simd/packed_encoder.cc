// A register-blocked product: rows times three vectors of latents, over all d, then bias, maxima
// and store.
#include "common/math/simd/packed_encoder.h"

#include <algorithm>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "common/math/simd/packed_encoder.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace recsae::math::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, 16>;
using Vec = hn::Vec<Floats>;

constexpr int kLanes = static_cast<int>(hn::MaxLanes(Floats()));
// Vectors of a panel. With eight rows their sums take 24 registers of AVX-512's 32; where there are
// 16, four rows go at a time.
constexpr int kVectors = 3;
constexpr int kWidth = kVectors * kLanes;
constexpr int kRowsAtATime =
    HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3 ? 4 : 8;

int Width() { return kWidth; }

void PackPanel(const float* encoder, int d, int latents, float* packed) {
  const Floats tag;
  const hn::RebindToSigned<Floats> tag_index;
  const auto rows = hn::Mul(hn::Iota(tag_index, 0), hn::Set(tag_index, d));
  int lane = 0;
  for (; lane + kLanes <= latents; lane += kLanes) {
    const float* from = encoder + static_cast<int64_t>(lane) * d;
    for (int i = 0; i < d; ++i) {
      hn::StoreU(hn::GatherIndex(tag, from + i, rows), tag, packed + i * kWidth + lane);
    }
  }
  for (; lane < kWidth; ++lane) {
    for (int i = 0; i < d; ++i) {
      packed[i * kWidth + lane] =
          lane < latents ? encoder[static_cast<int64_t>(lane) * d + i] : 0.0f;
    }
  }
}

struct Product {
  const float* rows;    // [n, d]
  const float* panels;  // [count, d, width]
  const float* bias;    // [count, width]
  int d;
  int count;
  float* out;     // [n, count · width]
  float* maxima;  // [n, 2 · width]
};

template <int kRows>
HWY_INLINE void MultiplyPanel(const Product& product, int panel) {
  const Floats tag;
  const int d = product.d;
  const float* column = product.panels + static_cast<int64_t>(panel) * d * kWidth;
  Vec sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(tag);
  }
  for (int i = 0; i < d; ++i, column += kWidth) {
    Vec latents[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) latents[v] = hn::LoadU(tag, column + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec value = hn::Set(tag, product.rows[static_cast<int64_t>(r) * d + i]);
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = hn::MulAdd(value, latents[v], sums[r][v]);
      }
    }
  }
  const float* bias = product.bias + static_cast<int64_t>(panel) * kWidth;
  const int64_t stride = static_cast<int64_t>(product.count) * kWidth;
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    float* out = product.out + r * stride + static_cast<int64_t>(panel) * kWidth;
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      const Vec pre = hn::Add(sums[r][v], hn::LoadU(tag, bias + v * kLanes));
      hn::StoreU(pre, tag, out + v * kLanes);
      if (product.maxima == nullptr) continue;
      float* maxima = product.maxima + (2 * r + panel % 2) * kWidth;
      const Vec most = panel < 2 ? pre : hn::Max(pre, hn::LoadU(tag, maxima + v * kLanes));
      hn::StoreU(most, tag, maxima + v * kLanes);
    }
  }
}

template <int kRows>
HWY_INLINE Product MultiplyRows(Product product) {
  for (int panel = 0; panel < product.count; ++panel) MultiplyPanel<kRows>(product, panel);
  product.rows += static_cast<int64_t>(kRows) * product.d;
  product.out += static_cast<int64_t>(kRows) * product.count * kWidth;
  if (product.maxima != nullptr) product.maxima += kRows * 2 * kWidth;
  return product;
}

void MultiplyAll(const float* rows, int n, const float* panels, const float* bias, int d, int count,
                 float* out, float* maxima) {
  Product product{rows, panels, bias, d, count, out, maxima};
  if (product.maxima != nullptr && product.count == 1) {
    // The second half of the groups gets nothing.
    std::fill_n(product.maxima, n * 2 * kWidth, -std::numeric_limits<float>::infinity());
  }
  for (; n >= kRowsAtATime; n -= kRowsAtATime) product = MultiplyRows<kRowsAtATime>(product);
  if constexpr (kRowsAtATime > 4) {
    for (; n >= 4; n -= 4) product = MultiplyRows<4>(product);
  }
  for (; n >= 2; n -= 2) product = MultiplyRows<2>(product);
  if (n == 1) MultiplyRows<1>(product);
}

}  // namespace recsae::math::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recsae::math {

HWY_EXPORT(Width);
HWY_EXPORT(PackPanel);
HWY_EXPORT(MultiplyAll);

void PackedEncoder::Resize(int latents, int dim) {
  latents_ = latents;
  dim_ = dim;
  width_ = HWY_DYNAMIC_DISPATCH(Width)();
  panels_ = (latents + width_ - 1) / width_;
  const auto padded = static_cast<size_t>(panels_) * static_cast<size_t>(width_);
  values_.resize(padded * static_cast<size_t>(dim));
  bias_.resize(padded);
}

void PackedEncoder::Pack(const float* encoder, const float* bias, int first, int last) {
  for (int panel = first; panel < last; ++panel) {
    const int begin = panel * width_;
    const int count = std::min(width_, latents_ - begin);
    HWY_DYNAMIC_DISPATCH(PackPanel)
    (encoder + static_cast<int64_t>(begin) * dim_, dim_, count,
     &values_[static_cast<size_t>(begin) * static_cast<size_t>(dim_)]);
    float* to = &bias_[static_cast<size_t>(begin)];
    std::fill_n(to, width_, -std::numeric_limits<float>::infinity());
    if (bias == nullptr) {
      std::fill_n(to, count, 0.0f);
    } else {
      std::copy_n(bias + begin, count, to);
    }
  }
}

void PackedEncoder::Multiply(const float* rows, int n, int first, int last, float* out,
                             float* maxima) const {
  const auto begin = static_cast<size_t>(first) * static_cast<size_t>(width_);
  HWY_DYNAMIC_DISPATCH(MultiplyAll)
  (rows, n, &values_[begin * static_cast<size_t>(dim_)], &bias_[begin], dim_, last - first, out,
   maxima);
}

}  // namespace recsae::math
#endif  // HWY_ONCE
