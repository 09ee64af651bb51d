// Tiles of C in registers: a few rows of A, value by value, times some vectors of B.
#include "common/math/simd/small_product.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "common/math/simd/small_product.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace recsae::math::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, 16>;
using Vec = hn::Vec<Floats>;

constexpr int kLanes = static_cast<int>(hn::MaxLanes(Floats()));
// A tile's sums take 24 of 32 registers, or 12 where there are 16.
constexpr int kRows = 6;
constexpr int kVectors =
    HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3 ? 2 : 4;

int Lanes() { return kLanes; }

struct Product {
  StridedMatrix a;
  int m, p;
  const float* b;
  int64_t b_row;
  float* c;
  int64_t c_row;
};

template <int kTileRows, int kTileVectors>
HWY_INLINE void AddTile(const Product& product, int row, int column) {
  const Floats tag;
  float* c = product.c + row * product.c_row + column;
  Vec sums[kTileRows][kTileVectors];
#pragma GCC unroll 6
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kTileVectors; ++v) {
      sums[r][v] = hn::LoadU(tag, c + r * product.c_row + v * kLanes);
    }
  }
  const float* a = product.a.values + row * product.a.row;
  const float* b = product.b + column;
  for (int i = 0; i < product.p; ++i, a += product.a.column, b += product.b_row) {
    Vec columns[kTileVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kTileVectors; ++v) columns[v] = hn::LoadU(tag, b + v * kLanes);
#pragma GCC unroll 6
    for (int r = 0; r < kTileRows; ++r) {
      const Vec value = hn::Set(tag, a[r * product.a.row]);
#pragma GCC unroll 4
      for (int v = 0; v < kTileVectors; ++v) {
        sums[r][v] = hn::MulAdd(value, columns[v], sums[r][v]);
      }
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kTileVectors; ++v) {
      hn::StoreU(sums[r][v], tag, c + r * product.c_row + v * kLanes);
    }
  }
}

template <int kTileVectors>
HWY_INLINE void AddColumns(const Product& product, int column) {
  int row = 0;
  for (; row + kRows <= product.m; row += kRows) AddTile<kRows, kTileVectors>(product, row, column);
  for (; row + 2 <= product.m; row += 2) AddTile<2, kTileVectors>(product, row, column);
  if (row < product.m) AddTile<1, kTileVectors>(product, row, column);
}

void AddProductImpl(const StridedMatrix& a, int m, int p, const float* b, int64_t b_row, int n,
                    float* c, int64_t c_row) {
  const Product product{a, m, p, b, b_row, c, c_row};
  int column = 0;
  for (; column + kVectors * kLanes <= n; column += kVectors * kLanes) {
    AddColumns<kVectors>(product, column);
  }
  for (; column + kLanes <= n; column += kLanes) AddColumns<1>(product, column);
  for (; column < n; ++column) {
    for (int row = 0; row < m; ++row) {
      float& sum = c[row * c_row + column];
      for (int i = 0; i < p; ++i) {
        sum += a.values[row * a.row + i * a.column] * b[i * b_row + column];
      }
    }
  }
}

// Makes 0 of what does not exceed the bound, NaN among it; returns how many do.
int KeepAbove(float bound, int n, float* x) {
  const Floats tag;
  const Vec bounds = hn::Set(tag, bound);
  size_t count = 0;
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec values = hn::LoadU(tag, x + i);
    const auto above = hn::Gt(values, bounds);
    count += hn::CountTrue(tag, above);
    hn::StoreU(hn::IfThenElseZero(above, values), tag, x + i);
  }
  for (; i < n; ++i) {
    const bool above = x[i] > bound;
    count += above ? 1 : 0;
    x[i] = above ? x[i] : 0.0f;
  }
  return static_cast<int>(count);
}

int CountAbove(float bound, int n, const float* x) {
  const Floats tag;
  const Vec bounds = hn::Set(tag, bound);
  size_t count = 0;
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    count += hn::CountTrue(tag, hn::Gt(hn::LoadU(tag, x + i), bounds));
  }
  for (; i < n; ++i) count += x[i] > bound ? 1 : 0;
  return static_cast<int>(count);
}

int KeepPositiveImpl(int n, int k, float* x) {
  constexpr int kMaxSteps = 16;
  const int positive = KeepAbove(0.0f, n, x);
  if (positive <= k) return positive;
  float low = 0.0f;
  float high = *std::max_element(x, x + n);
  for (int step = 0; step < kMaxSteps; ++step) {
    const float middle = 0.5f * low + 0.5f * high;
    const int above = CountAbove(middle, n, x);
    if (above == k) return KeepAbove(middle, n, x);
    (above > k ? low : high) = middle;
  }
  return positive;
}

void KeepActiveImpl(const float* code, int64_t n, float* x) {
  const Floats tag;
  const Vec zero = hn::Zero(tag);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const auto active = hn::Gt(hn::LoadU(tag, code + i), zero);
    hn::StoreU(hn::IfThenElseZero(active, hn::LoadU(tag, x + i)), tag, x + i);
  }
  for (; i < n; ++i) x[i] = code[i] > 0.0f ? x[i] : 0.0f;
}

}  // namespace recsae::math::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recsae::math {

HWY_EXPORT(Lanes);
HWY_EXPORT(AddProductImpl);
HWY_EXPORT(KeepPositiveImpl);
HWY_EXPORT(KeepActiveImpl);

int VectorFloats() { return HWY_DYNAMIC_DISPATCH(Lanes)(); }

void AddProduct(const StridedMatrix& a, int m, int p, const float* b, int64_t b_row, int n,
                float* c, int64_t c_row) {
  HWY_DYNAMIC_DISPATCH(AddProductImpl)(a, m, p, b, b_row, n, c, c_row);
}

int KeepPositive(int n, int k, float* x) { return HWY_DYNAMIC_DISPATCH(KeepPositiveImpl)(n, k, x); }

void KeepActive(const float* code, int64_t n, float* x) {
  HWY_DYNAMIC_DISPATCH(KeepActiveImpl)(code, n, x);
}

}  // namespace recsae::math
#endif  // HWY_ONCE
