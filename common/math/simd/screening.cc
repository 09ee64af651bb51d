// The 8-bit product is written for each instruction set that has one, as Highway has no operation
// for it: vpdpbusd (AVX-512 VNNI) sums four products of bytes in 32 bits; vpmaddubsw (AVX2,
// AVX-512) two of them in 16, which is why there each side has 7 bits: four products of at most 127
// · 63 fit.
#include "common/math/simd/screening.h"

#include <algorithm>
#include <bit>
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

constexpr int kQuad = 4;  // values of a row that lie side by side in a panel
constexpr int kStep = 8;  // values that the product takes at a time: two quads
// A row's bytes are written by whole vectors.
constexpr size_t kSlack = 16;
// Every so many latents is a group of which maxima are kept.
constexpr int kGroups = 96;

// What an instruction set takes.
struct ScreenShape {
  int width;   // latents of a panel; 0 = it has no 8-bit product
  int levels;  // the largest value of a quantised latent or row
  int offset;  // that is added to a row's values
};

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

// Rows to multiply them with, arrays as in ScreenedRows.
struct ScreenRows {
  const uint8_t* values;
  const float* steps;
  const float* norms;
  const float* errors;
  int n;
};

// One latent in 8 bits.
struct ScreenedLatent {
  float step, norm, error;
  int32_t sum;  // Σ q
};

}  // namespace recsae::math
#endif

// Whether this instruction set has a product, and which. Highway 1.0 leaves VNNI out of what it
// tells the compiler of its AVX3_DL.
#undef RECSAE_SCREENING
#undef RECSAE_SCREENING_VNNI
#define RECSAE_SCREENING \
  (HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2)
#define RECSAE_SCREENING_VNNI (HWY_TARGET == HWY_AVX3_DL && HWY_COMPILER_GCC && !HWY_COMPILER_CLANG)

HWY_BEFORE_NAMESPACE();
namespace recsae::math::HWY_NAMESPACE {

#if RECSAE_SCREENING

#if RECSAE_SCREENING_VNNI
#pragma GCC push_options
#pragma GCC target("avx512vnni")
#endif

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, 16>;
using Ints = hn::RebindToSigned<Floats>;
using Bytes = hn::Rebind<int8_t, Floats>;
using Vec = hn::Vec<Floats>;
using IntVec = hn::Vec<Ints>;

constexpr int kLanes = static_cast<int>(hn::MaxLanes(Floats()));
// Sums of rows times vectors stay in registers: 24 of AVX-512's 32, 8 of AVX2's 16.
constexpr int kVectors = HWY_TARGET == HWY_AVX2 ? 1 : 3;
constexpr int kRowsAtATime = 8;
constexpr int kWidth = kVectors * kLanes;
static_assert(kGroups % kWidth == 0 && Screening::kMaxRows % kRowsAtATime == 0);

#if RECSAE_SCREENING_VNNI
constexpr int kLevels = 127;
constexpr int kOffset = 128;
#else
constexpr int kLevels = 63;
constexpr int kOffset = 64;
#endif

ScreenShape Shape() { return {kWidth, kLevels, kOffset}; }

// Eight values of a row as the product takes them: four in each 32 bits.
HWY_INLINE IntVec FourOf(const uint8_t* row) {
  int32_t four = 0;
  std::memcpy(&four, row, sizeof(four));
  return hn::Set(Ints(), four);
}

#if RECSAE_SCREENING_VNNI
// sums[r][v] += ⟨row's eight bytes, latents' eight bytes⟩; `latents` are two quads of a panel.
template <int kRows>
HWY_INLINE void AddProducts(const uint8_t* rows, int64_t row_bytes, const int8_t* latents,
                            IntVec (&sums)[kRows][kVectors]) {
  for (int quad = 0; quad < 2; ++quad, rows += kQuad, latents += kWidth * kQuad) {
    IntVec column[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      column[v] = IntVec{_mm512_loadu_si512(latents + v * kLanes * kQuad)};
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const IntVec value = FourOf(rows + r * row_bytes);
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) {
        // As _mm512_dpbusd_epi32, for which GCC 12 runs out of registers here.
        asm("vpdpbusd %2, %1, %0" : "+v"(sums[r][v].raw) : "v"(value.raw), "v"(column[v].raw));
      }
    }
  }
}
#else
#if HWY_TARGET == HWY_AVX2
HWY_INLINE __m256i Load(const int8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
HWY_INLINE __m256i Pairs(__m256i row, __m256i latents) {
  return _mm256_maddubs_epi16(row, latents);
}
HWY_INLINE __m256i SumPairs(__m256i a, __m256i b) {
  return _mm256_madd_epi16(_mm256_add_epi16(a, b), _mm256_set1_epi16(1));
}
#else
HWY_INLINE __m512i Load(const int8_t* from) { return _mm512_loadu_si512(from); }
HWY_INLINE __m512i Pairs(__m512i row, __m512i latents) {
  return _mm512_maddubs_epi16(row, latents);
}
HWY_INLINE __m512i SumPairs(__m512i a, __m512i b) {
  return _mm512_madd_epi16(_mm512_add_epi16(a, b), _mm512_set1_epi16(1));
}
#endif

// As with VNNI. Nothing saturates: a row's bytes are at most 127, a latent's at most 63.
template <int kRows>
HWY_INLINE void AddProducts(const uint8_t* rows, int64_t row_bytes, const int8_t* latents,
                            IntVec (&sums)[kRows][kVectors]) {
  static_assert(2 * 2 * 127 * kLevels <= 32767);
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; ++v) {
    const auto first = Load(latents + v * kLanes * kQuad);
    const auto second = Load(latents + (kWidth + v * kLanes) * kQuad);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const uint8_t* row = rows + r * row_bytes;
      const IntVec added{
          SumPairs(Pairs(FourOf(row).raw, first), Pairs(FourOf(row + kQuad).raw, second))};
      sums[r][v] = hn::Add(sums[r][v], added);
    }
  }
}
#endif

// x [d] to q [quads · 4, and room for a vector] = x / step rounded, as integers of at most kLevels;
// returns what it costs.
ScreenedLatent QuantiseValues(const float* x, int d, int quads, int8_t* q, float* norm) {
  const Floats tag;
  const auto load = [&](int i) {
    return d - i >= kLanes
               ? hn::LoadU(tag, x + i)
               : hn::MaskedLoad(hn::FirstN(tag, static_cast<size_t>(d - i)), tag, x + i);
  };
  Vec most = hn::Zero(tag);
  for (int i = 0; i < d; i += kLanes) most = hn::Max(most, hn::Abs(load(i)));
  const float largest = hn::GetLane(hn::MaxOfLanes(tag, most));
  const float step = largest / kLevels;
  const Vec steps = hn::Set(tag, step);
  const Vec inverse = hn::Set(tag, largest > 0.0f ? kLevels / largest : 0.0f);
  Vec squares = hn::Zero(tag);
  Vec error_squares = hn::Zero(tag);
  IntVec sums = hn::Zero(Ints());
  for (int i = 0; i < quads * kQuad; i += kLanes) {
    const Vec value = i < d ? load(i) : hn::Zero(tag);
    const IntVec rounded = hn::NearestInt(hn::Mul(value, inverse));
    const Vec error = hn::NegMulAdd(hn::ConvertTo(tag, rounded), steps, value);
    squares = hn::MulAdd(value, value, squares);
    error_squares = hn::MulAdd(error, error, error_squares);
    sums = hn::Add(sums, rounded);
    hn::StoreU(hn::DemoteTo(Bytes(), rounded), Bytes(), q + i);
  }
  *norm = std::sqrt(hn::GetLane(hn::SumOfLanes(tag, squares)));
  const float error = std::sqrt(hn::GetLane(hn::SumOfLanes(tag, error_squares)));
  return {step, *norm + error, error, hn::GetLane(hn::SumOfLanes(Ints(), sums))};
}

// Calls take(r, v, about, margin) for each vector of a panel's pre-activations: what they are
// about, and by how much they may be more or less.
template <int kRows, typename Take>
HWY_INLINE void MultiplyPanel(const ScreenPanels panels, int panel, const ScreenRows rows,
                              const Take& take) {
  const Floats tag;
  const int64_t at = static_cast<int64_t>(panel) * kWidth;
  const int8_t* latents = panels.values + at * panels.quads * kQuad;
  const int64_t row_bytes = static_cast<int64_t>(panels.quads) * kQuad;
  IntVec sums[kRows][kVectors];
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; ++v) {
    const IntVec offset = hn::LoadU(Ints(), panels.offsets + at + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) sums[r][v] = offset;
  }
  for (int64_t i = 0; i < row_bytes; i += kStep) {
    AddProducts<kRows>(rows.values + i, row_bytes, latents + i * kWidth, sums);
  }
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; ++v) {
    const Vec step = hn::LoadU(tag, panels.steps + at + v * kLanes);
    const Vec norm = hn::LoadU(tag, panels.norms + at + v * kLanes);
    const Vec error = hn::LoadU(tag, panels.errors + at + v * kLanes);
    const Vec bias = hn::LoadU(tag, panels.bias + at + v * kLanes);
    const Vec rounding = hn::LoadU(tag, panels.rounding + at + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      Vec margin = hn::MulAdd(norm, hn::Set(tag, rows.errors[r]), rounding);
      margin = hn::MulAdd(error, hn::Set(tag, rows.norms[r]), margin);
      const Vec about = hn::MulAdd(hn::Mul(step, hn::ConvertTo(tag, sums[r][v])),
                                   hn::Set(tag, rows.steps[r]), bias);
      take(r, v, about, margin);
    }
  }
}

// Calls some.operator()<rows at a time>(first row) for all rows.
template <typename Some>
HWY_INLINE void ForRows(int n, const Some& some) {
  int r = 0;
  for (; r + kRowsAtATime <= n; r += kRowsAtATime) some.template operator()<kRowsAtATime>(r);
  for (; r < n; ++r) some.template operator()<1>(r);
}

HWY_INLINE ScreenRows From(const ScreenRows& rows, int first, int quads) {
  return {rows.values + static_cast<int64_t>(first) * quads * kQuad, rows.steps + first,
          rows.norms + first, rows.errors + first, rows.n - first};
}

void BoundRows(const ScreenPanels& panels, const ScreenRows& rows, float* out, float* maxima) {
  const Floats tag;
  const int64_t stride = static_cast<int64_t>(panels.count) * kWidth;
  ForRows(rows.n, [&]<int kRows>(int first) {
    const ScreenRows some = From(rows, first, panels.quads);
    for (int panel = 0; panel < panels.count; ++panel) {
      float* to = out + first * stride + static_cast<int64_t>(panel) * kWidth;
      float* most = maxima + static_cast<int64_t>(first) * kGroups + panel * kWidth % kGroups;
      const bool begun = panel * kWidth >= kGroups;
      MultiplyPanel<kRows>(panels, panel, some, [&](int r, int v, Vec about, Vec margin) {
        hn::StoreU(hn::Add(about, margin), tag, to + r * stride + v * kLanes);
        Vec least = hn::Sub(about, margin);
        float* group = most + r * kGroups + v * kLanes;
        if (begun) least = hn::Max(least, hn::LoadU(tag, group));
        hn::StoreU(least, tag, group);
      });
    }
  });
}

void FindRowsAbove(const ScreenPanels& panels, const ScreenRows& rows, float floor, uint8_t* bits,
                   int64_t row_bytes) {
  const Floats tag;
  const Vec floors = hn::Set(tag, floor);
  ForRows(rows.n, [&]<int kRows>(int first) {
    const ScreenRows some = From(rows, first, panels.quads);
    for (int panel = 0; panel < panels.count; ++panel) {
      uint8_t* to = bits + first * row_bytes + panel * (kWidth / 8);
      MultiplyPanel<kRows>(panels, panel, some, [&](int r, int v, Vec about, Vec margin) {
        hn::StoreMaskBits(tag, hn::Gt(hn::Add(about, margin), floors),
                          to + r * row_bytes + v * (kLanes / 8));
      });
    }
  });
}

#if RECSAE_SCREENING_VNNI
#pragma GCC pop_options
#endif

#else

ScreenShape Shape() { return {}; }

ScreenedLatent QuantiseValues(const float*, int, int, int8_t*, float*) { return {}; }

void BoundRows(const ScreenPanels&, const ScreenRows&, float*, float*) {}

void FindRowsAbove(const ScreenPanels&, const ScreenRows&, float, uint8_t*, int64_t) {}

#endif

}  // namespace recsae::math::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recsae::math {
namespace {

HWY_EXPORT(Shape);
HWY_EXPORT(QuantiseValues);
HWY_EXPORT(BoundRows);
HWY_EXPORT(FindRowsAbove);

}  // namespace

bool Screening::Available() { return HWY_DYNAMIC_DISPATCH(Shape)().width > 0; }

bool Screening::Pays(int latents, int dim, int k) {
  constexpr int kMinDim = 16;
  constexpr int kLatentsPerActive = 32;
  return Available() && dim >= kMinDim && int64_t{k} * kLatentsPerActive <= latents;
}

int Screening::groups() const { return kGroups; }

void Screening::Resize(int latents, int dim) {
  const ScreenShape shape = HWY_DYNAMIC_DISPATCH(Shape)();
  latents_ = latents;
  dim_ = dim;
  width_ = shape.width;
  offset_ = shape.offset;
  quads_ = (dim + kStep - 1) / kStep * (kStep / kQuad);
  panels_ = (latents + width_ - 1) / width_;
  const auto padded = static_cast<size_t>(panels_) * static_cast<size_t>(width_);
  values_.resize(padded * static_cast<size_t>(quads_) * kQuad);
  offsets_.resize(padded);
  for (auto* array : {&steps_, &norms_, &errors_, &bias_, &rounding_}) array->resize(padded);
}

void Screening::Pack(const float* encoder, const float* bias, int first, int last) {
  // Rounding of sums of d products, by the crudest of bounds.
  const float rounding = static_cast<float>(dim_ + 8) * std::numeric_limits<float>::epsilon();
  const size_t bytes = static_cast<size_t>(quads_) * kQuad;
  std::vector<int8_t> q(bytes + kSlack);
  for (int j = first * width_; j < last * width_; ++j) {
    const auto at = static_cast<size_t>(j);
    const int lane = j % width_;
    int8_t* to = &values_[static_cast<size_t>(j - lane) * bytes];
    ScreenedLatent latent{};
    float norm = 0.0f;
    if (j < latents_) {
      latent = HWY_DYNAMIC_DISPATCH(QuantiseValues)(encoder + static_cast<int64_t>(j) * dim_, dim_,
                                                    quads_, q.data(), &norm);
    } else {
      std::fill(q.begin(), q.end(), int8_t{0});
    }
    for (int quad = 0; quad < quads_; ++quad) {
      std::memcpy(to + int64_t{quad * width_ + lane} * kQuad, &q[static_cast<size_t>(quad) * kQuad],
                  kQuad);
    }
    offsets_[at] = -offset_ * latent.sum;
    steps_[at] = latent.step;
    norms_[at] = latent.norm;
    errors_[at] = latent.error + rounding * norm;
    bias_[at] = -std::numeric_limits<float>::infinity();
    if (j < latents_) bias_[at] = bias == nullptr ? 0.0f : bias[j];
    rounding_[at] = j < latents_ ? rounding * std::abs(bias_[at]) : 0.0f;
  }
}

void Screening::Quantise(const float* rows, int n, ScreenedRows& out) const {
  const auto count = static_cast<size_t>(n);
  const size_t bytes = static_cast<size_t>(quads_) * kQuad;
  out.values.resize(count * bytes + kSlack);
  out.steps.resize(count);
  out.norms.resize(count);
  out.errors.resize(count);
  for (size_t r = 0; r < count; ++r) {
    uint8_t* to = &out.values[r * bytes];
    const ScreenedLatent row =
        HWY_DYNAMIC_DISPATCH(QuantiseValues)(rows + static_cast<int64_t>(r) * dim_, dim_, quads_,
                                             reinterpret_cast<int8_t*>(to), &out.norms[r]);
    for (size_t i = 0; i < bytes; ++i) to[i] = static_cast<uint8_t>(to[i] + offset_);
    out.steps[r] = row.step;
    out.errors[r] = row.error;
  }
}

ScreenPanels Screening::Panels(int first, int last) const {
  const auto at = static_cast<size_t>(first) * static_cast<size_t>(width_);
  return {&values_[at * static_cast<size_t>(quads_) * kQuad],
          &offsets_[at],
          &steps_[at],
          &norms_[at],
          &errors_[at],
          &bias_[at],
          &rounding_[at],
          quads_,
          last - first};
}

ScreenRows Screening::Rows(const ScreenedRows& rows, int begin, int n) const {
  const auto row = static_cast<size_t>(begin);
  return {&rows.values[row * static_cast<size_t>(quads_) * kQuad], &rows.steps[row],
          &rows.norms[row], &rows.errors[row], n};
}

void Screening::Bound(const ScreenedRows& rows, int begin, int n, int first, int last, float* out,
                      float* maxima) const {
  if ((last - first) * width_ < kGroups) {
    std::fill_n(maxima, n * kGroups, -std::numeric_limits<float>::infinity());
  }
  HWY_DYNAMIC_DISPATCH(BoundRows)(Panels(first, last), Rows(rows, begin, n), out, maxima);
}

int Screening::MaskWords(int panels) const { return (panels * width_ + 63) / 64; }

void Screening::FindAbove(const ScreenedRows& rows, int begin, int n, int first, int last,
                          float floor, uint64_t* masks) const {
  static_assert(std::endian::native == std::endian::little);
  const int words = MaskWords(last - first);
  for (int r = 0; r < n; ++r) masks[(r + 1) * words - 1] = 0;  // what no panel reaches
  HWY_DYNAMIC_DISPATCH(FindRowsAbove)
  (Panels(first, last), Rows(rows, begin, n), floor, reinterpret_cast<uint8_t*>(masks),
   int64_t{words} * 8);
}

}  // namespace recsae::math
#endif  // HWY_ONCE
