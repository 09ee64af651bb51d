// The inner loops, written once over Highway's vectors.
#include "common/math/simd/kernels.h"

#include <algorithm>
#include <cmath>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "common/math/simd/kernels.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace recsae::math::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, 16>;
using Vec = hn::Vec<Floats>;

constexpr int kLanes = static_cast<int>(hn::MaxLanes(Floats()));
// Vectors whose sums are kept in registers at a time.
constexpr int kUnroll = 4;

// Calls full(i) for whole vectors and rest(i) for single values at the end.
template <typename Full, typename Rest>
HWY_INLINE void ForEach(int n, const Full& full, const Rest& rest) {
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) full(i);
  for (; i < n; ++i) rest(i);
}

// Calls chunk(begin, vectors) with vectors = kUnroll or 1 for all whole vectors, and rest(i) for
// the values after them.
template <typename Chunk, typename Rest>
HWY_INLINE void ForChunks(int n, const Chunk& chunk, const Rest& rest) {
  int i = 0;
  for (; i + kUnroll * kLanes <= n; i += kUnroll * kLanes) {
    chunk(i, std::integral_constant<int, kUnroll>());
  }
  for (; i + kLanes <= n; i += kLanes) chunk(i, std::integral_constant<int, 1>());
  for (; i < n; ++i) rest(i);
}

HWY_INLINE float Dot(const float* a, const float* b, int n) {
  const Floats d;
  Vec sums[kUnroll];
  for (Vec& sum : sums) sum = hn::Zero(d);
  float tail = 0.0f;
  ForChunks(
      n,
      [&](int i, auto vectors) {
        for (int v = 0; v < vectors; ++v) {
          sums[v] = hn::MulAdd(hn::LoadU(d, a + i + v * kLanes), hn::LoadU(d, b + i + v * kLanes),
                               sums[v]);
        }
      },
      [&](int i) { tail += a[i] * b[i]; });
  const Vec sum = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
  return hn::GetLane(hn::SumOfLanes(d, sum)) + tail;
}

void AddScaledImpl(float a, const float* x, int n, float* y) {
  const Floats d;
  const Vec factor = hn::Set(d, a);
  ForEach(
      n,
      [&](int i) {
        hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
      },
      [&](int i) { y[i] += a * x[i]; });
}

void ScaleImpl(float a, int n, float* x) {
  const Floats d;
  const Vec factor = hn::Set(d, a);
  ForEach(
      n, [&](int i) { hn::StoreU(hn::Mul(factor, hn::LoadU(d, x + i)), d, x + i); },
      [&](int i) { x[i] *= a; });
}

void ScaleAndCentreImpl(float a, const float* x, const float* b, int n, float* out) {
  const Floats d;
  const Vec factor = hn::Set(d, a);
  ForEach(
      n,
      [&](int i) {
        hn::StoreU(hn::Sub(hn::Mul(factor, hn::LoadU(d, x + i)), hn::LoadU(d, b + i)), d, out + i);
      },
      [&](int i) { out[i] = a * x[i] - b[i]; });
}

void GatherImpl(const float* values, const int32_t* index, int n, float* out) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  ForEach(
      n,
      [&](int i) { hn::StoreU(hn::GatherIndex(d, values, hn::LoadU(di, index + i)), d, out + i); },
      [&](int i) { out[i] = values[index[i]]; });
}

void RemoveParallelImpl(const float* w, int n, float* g) { AddScaledImpl(-Dot(g, w, n), w, n, g); }

float SquaredNormImpl(const float* x, int n) { return Dot(x, x, n); }

void NormaliseRowsImpl(float* x, int rows, int n) {
  for (int row = 0; row < rows; ++row, x += n) {
    const float squared = Dot(x, x, n);
    if (squared > 0.0f) ScaleImpl(1.0f / std::sqrt(squared), n, x);
  }
}

float ResidualImpl(const float* target, const float* w, const LatentActivation* code, int count,
                   int d, float* e) {
  const Floats tag;
  Vec squares = hn::Zero(tag);
  float tail = 0.0f;
  ForChunks(
      d,
      [&](int begin, auto vectors) {
        Vec sums[vectors];
        for (int v = 0; v < vectors; ++v) sums[v] = hn::LoadU(tag, target + begin + v * kLanes);
        for (int c = 0; c < count; ++c) {
          const Vec value = hn::Set(tag, code[c].value);
          const float* row = w + static_cast<int64_t>(code[c].latent) * d + begin;
          for (int v = 0; v < vectors; ++v) {
            sums[v] = hn::NegMulAdd(value, hn::LoadU(tag, row + v * kLanes), sums[v]);
          }
        }
        for (int v = 0; v < vectors; ++v) {
          squares = hn::MulAdd(sums[v], sums[v], squares);
          hn::StoreU(sums[v], tag, e + begin + v * kLanes);
        }
      },
      [&](int i) {
        float sum = target[i];
        for (int c = 0; c < count; ++c) {
          sum -= code[c].value * w[static_cast<int64_t>(code[c].latent) * d + i];
        }
        e[i] = sum;
        tail += sum * sum;
      });
  return hn::GetLane(hn::SumOfLanes(tag, squares)) + tail;
}

// Four dot products at a time, that of row[i] in a way that does not depend on i.
HWY_INLINE void FourDots(const float* g, const float* const (&rows)[4], int n, float* out) {
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < 4; ++i) out[i] = Dot(g, rows[i], n);
#else
  const Floats d;
  Vec sums[4];
  for (Vec& sum : sums) sum = hn::Zero(d);
  float tails[4] = {};
  ForEach(
      n,
      [&](int at) {
        const Vec values = hn::LoadU(d, g + at);
        for (int i = 0; i < 4; ++i) {
          sums[i] = hn::MulAdd(values, hn::LoadU(d, rows[i] + at), sums[i]);
        }
      },
      [&](int at) {
        for (int i = 0; i < 4; ++i) tails[i] += g[at] * rows[i][at];
      });
  // Sums of each four lanes, of the four side by side; then of these.
  const hn::RepartitionToWide<hn::RebindToUnsigned<Floats> > wide;
  const Vec ab =
      hn::Add(hn::InterleaveLower(d, sums[0], sums[1]), hn::InterleaveUpper(d, sums[0], sums[1]));
  const Vec cd =
      hn::Add(hn::InterleaveLower(d, sums[2], sums[3]), hn::InterleaveUpper(d, sums[2], sums[3]));
  const Vec lower =
      hn::BitCast(d, hn::InterleaveLower(wide, hn::BitCast(wide, ab), hn::BitCast(wide, cd)));
  const Vec upper =
      hn::BitCast(d, hn::InterleaveUpper(wide, hn::BitCast(wide, ab), hn::BitCast(wide, cd)));
  HWY_ALIGN float lanes[kLanes];
  hn::Store(hn::Add(lower, upper), d, lanes);
  for (int i = 0; i < 4; ++i) {
    out[i] = lanes[i];
    for (int block = 4; block < kLanes; block += 4) out[i] += lanes[block + i];
    out[i] += tails[i];
  }
#endif
}

// Calls take(c, ⟨g, w_j⟩) for each entry c of a code.
template <typename Take>
HWY_INLINE void ForDots(const float* g, const float* w, const LatentActivation* code, int count,
                        int d, const Take& take) {
  for (int c = 0; c < count; c += 4) {
    const int some = std::min(4, count - c);
    const float* rows[4];
    for (int i = 0; i < 4; ++i) {
      rows[i] = w + static_cast<int64_t>(code[c + std::min(i, some - 1)].latent) * d;
    }
    float dots[4];
    FourDots(g, rows, d, dots);
    for (int i = 0; i < some; ++i) take(c + i, dots[i]);
  }
}

PrefixErrors ResidualGradientsImpl(const float* target, const float* w,
                                   const LatentActivation* code, const int* ends, int prefixes,
                                   int d, float factor, float* gradients, float* delta, float* sum,
                                   float* error) {
  const Floats tag;
  const Vec factors = hn::Set(tag, factor);
  Vec all = hn::Zero(tag);
  Vec last = hn::Zero(tag);
  PrefixErrors tail{};
  ForChunks(
      d,
      [&](int begin, auto vectors) {
        Vec sums[vectors];
        for (int v = 0; v < vectors; ++v) sums[v] = hn::LoadU(tag, target + begin + v * kLanes);
        int c = 0;
        for (int p = 0; p < prefixes; ++p) {
          for (; c < ends[p]; ++c) {
            const Vec value = hn::Set(tag, code[c].value);
            const float* row = w + static_cast<int64_t>(code[c].latent) * d + begin;
            for (int v = 0; v < vectors; ++v) {
              sums[v] = hn::NegMulAdd(value, hn::LoadU(tag, row + v * kLanes), sums[v]);
            }
          }
          float* to = gradients + static_cast<int64_t>(p) * d + begin;
          for (int v = 0; v < vectors; ++v) {
            all = hn::MulAdd(sums[v], sums[v], all);
            hn::StoreU(sums[v], tag, to + v * kLanes);
          }
        }
        for (int v = 0; v < vectors; ++v) {
          last = hn::MulAdd(sums[v], sums[v], last);
          if (error != nullptr) hn::StoreU(sums[v], tag, error + begin + v * kLanes);
          Vec gradient = hn::Zero(tag);
          for (int p = prefixes - 1; p >= 0; --p) {
            float* at = gradients + static_cast<int64_t>(p) * d + begin + v * kLanes;
            gradient = hn::MulAdd(factors, hn::LoadU(tag, at), gradient);
            hn::StoreU(gradient, tag, at);
          }
          if (sum != nullptr) {
            float* at = sum + begin + v * kLanes;
            hn::StoreU(hn::Add(gradient, hn::LoadU(tag, at)), tag, at);
          }
        }
      },
      [&](int i) {
        float left = target[i];
        int c = 0;
        for (int p = 0; p < prefixes; ++p) {
          for (; c < ends[p]; ++c) {
            left -= code[c].value * w[static_cast<int64_t>(code[c].latent) * d + i];
          }
          gradients[static_cast<int64_t>(p) * d + i] = left;
          tail.all += left * left;
        }
        tail.last += left * left;
        if (error != nullptr) error[i] = left;
        float gradient = 0.0f;
        for (int p = prefixes - 1; p >= 0; --p) {
          float& at = gradients[static_cast<int64_t>(p) * d + i];
          at = gradient += factor * at;
        }
        if (sum != nullptr) sum[i] += gradient;
      });
  for (int p = 0; p < prefixes; ++p) {
    const int begin = p == 0 ? 0 : ends[p - 1];
    ForDots(gradients + static_cast<int64_t>(p) * d, w, code + begin, ends[p] - begin, d,
            [&](int c, float dot) { delta[begin + c] = dot; });
  }
  return {hn::GetLane(hn::SumOfLanes(tag, all)) + tail.all,
          hn::GetLane(hn::SumOfLanes(tag, last)) + tail.last};
}

void DotsImpl(const float* g, const float* w, const LatentActivation* code, int count, int d,
              float* out) {
  ForDots(g, w, code, count, d, [&](int c, float dot) { out[c] = dot; });
}

int EncodeLatentsImpl(const float* row, const float* encoder, const float* bias, int d, float floor,
                      LatentActivation* list, int count) {
  int kept = 0;
  ForDots(row, encoder, list, count, d, [&](int c, float dot) {
    const int32_t latent = list[c].latent;
    const float value = dot + (bias == nullptr ? 0.0f : bias[latent]);
    // Without a branch: which ones stay cannot be foretold.
    list[kept] = {latent, value};
    kept += value > floor ? 1 : 0;
  });
  return kept;
}

LatentGradient SumContributionsImpl(const Contribution* contributions, int count,
                                    const float* residuals, const float* centred,
                                    const float* direction, int d, float* decoder, float* encoder) {
  const Floats tag;
  ForChunks(
      d,
      [&](int begin, auto vectors) {
        Vec decoder_sums[vectors];
        Vec encoder_sums[vectors];
        for (int v = 0; v < vectors; ++v) decoder_sums[v] = encoder_sums[v] = hn::Zero(tag);
        for (int c = 0; c < count; ++c) {
          const Contribution& entry = contributions[c];
          const float* residual = residuals + static_cast<int64_t>(entry.residual) * d + begin;
          const float* row = centred + static_cast<int64_t>(entry.row) * d + begin;
          const Vec value = hn::Set(tag, entry.value);
          const Vec delta = hn::Set(tag, entry.delta);
          for (int v = 0; v < vectors; ++v) {
            decoder_sums[v] =
                hn::MulAdd(value, hn::LoadU(tag, residual + v * kLanes), decoder_sums[v]);
            encoder_sums[v] = hn::MulAdd(delta, hn::LoadU(tag, row + v * kLanes), encoder_sums[v]);
          }
        }
        for (int v = 0; v < vectors; ++v) {
          hn::StoreU(decoder_sums[v], tag, decoder + begin + v * kLanes);
          hn::StoreU(encoder_sums[v], tag, encoder + begin + v * kLanes);
        }
      },
      [&](int i) {
        decoder[i] = encoder[i] = 0.0f;
        for (int c = 0; c < count; ++c) {
          const Contribution& entry = contributions[c];
          decoder[i] += entry.value * residuals[static_cast<int64_t>(entry.residual) * d + i];
          encoder[i] += entry.delta * centred[static_cast<int64_t>(entry.row) * d + i];
        }
      });
  if (direction != nullptr) RemoveParallelImpl(direction, d, decoder);
  LatentGradient gradient{0.0f, Dot(decoder, decoder, d) + Dot(encoder, encoder, d)};
  for (int c = 0; c < count; ++c) gradient.bias += contributions[c].delta;
  return gradient;
}

// Approximations of the hardware, made good by one step of Newton's iteration.
HWY_INLINE Vec Reciprocal(Vec x) {
  const Vec guess = hn::ApproximateReciprocal(x);
  return hn::Mul(guess, hn::NegMulAdd(x, guess, hn::Set(Floats(), 2.0f)));
}

HWY_INLINE Vec SquareRoot(Vec x) {
  const Floats d;
  // The reciprocal root of 0 would be infinite; the root of this is far below any epsilon.
  const Vec bounded = hn::Max(x, hn::Set(d, 1e-36f));
  const Vec guess = hn::ApproximateReciprocalSqrt(bounded);
  const Vec half = hn::Mul(hn::Set(d, 0.5f), bounded);
  const Vec refined = hn::Mul(guess, hn::NegMulAdd(hn::Mul(half, guess), guess, hn::Set(d, 1.5f)));
  return hn::Mul(bounded, refined);
}

template <bool kGradient>
HWY_INLINE void Adam(const AdamStep& step, const float* gradient, int n, float* parameter, float* m,
                     float* v) {
  const Floats d;
  const float rate = step.learning_rate * step.correction1;
  const Vec rates = hn::Set(d, rate);
  const Vec beta1 = hn::Set(d, step.beta1);
  const Vec beta2 = hn::Set(d, step.beta2);
  const Vec rest1 = hn::Set(d, 1.0f - step.beta1);
  const Vec rest2 = hn::Set(d, 1.0f - step.beta2);
  const Vec correction2 = hn::Set(d, step.correction2);
  const Vec epsilon = hn::Set(d, step.epsilon);
  const Vec scale = hn::Set(d, step.gradient_scale);
  ForEach(
      n,
      [&](int i) {
        Vec first = hn::Mul(beta1, hn::LoadU(d, m + i));
        Vec second = hn::Mul(beta2, hn::LoadU(d, v + i));
        if constexpr (kGradient) {
          const Vec g = hn::Mul(scale, hn::LoadU(d, gradient + i));
          first = hn::MulAdd(rest1, g, first);
          second = hn::MulAdd(hn::Mul(rest2, g), g, second);
        }
        hn::StoreU(first, d, m + i);
        hn::StoreU(second, d, v + i);
        const Vec root = hn::Add(SquareRoot(hn::Mul(second, correction2)), epsilon);
        hn::StoreU(
            hn::NegMulAdd(hn::Mul(rates, first), Reciprocal(root), hn::LoadU(d, parameter + i)), d,
            parameter + i);
      },
      [&](int i) {
        const float g = kGradient ? gradient[i] * step.gradient_scale : 0.0f;
        m[i] = step.beta1 * m[i] + (1.0f - step.beta1) * g;
        v[i] = step.beta2 * v[i] + (1.0f - step.beta2) * g * g;
        parameter[i] -= rate * m[i] / (std::sqrt(v[i] * step.correction2) + step.epsilon);
      });
}

void ApplyAdamImpl(const AdamStep& step, const float* gradient, int n, float* parameter, float* m,
                   float* v) {
  if (gradient == nullptr) {
    Adam<false>(step, gradient, n, parameter, m, v);
  } else {
    Adam<true>(step, gradient, n, parameter, m, v);
  }
}

}  // namespace recsae::math::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recsae::math {
namespace {

// Denormal numbers count as 0 in this thread, as long as it lives. The moments of a latent that
// does not fire shrink towards 0, and once denormal would cost a hundred cycles each.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(_mm_getcsr()) {
    _mm_setcsr(before_ | kFlushToZero | kDenormalsAreZero);
  }
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  static constexpr unsigned kFlushToZero = 0x8000;
  static constexpr unsigned kDenormalsAreZero = 0x0040;
  const unsigned before_;
#else
  FlushDenormals() {}
  ~FlushDenormals() {}
#endif

 public:
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
};

}  // namespace

HWY_EXPORT(AddScaledImpl);
HWY_EXPORT(ScaleImpl);
HWY_EXPORT(ScaleAndCentreImpl);
HWY_EXPORT(GatherImpl);
HWY_EXPORT(RemoveParallelImpl);
HWY_EXPORT(SquaredNormImpl);
HWY_EXPORT(NormaliseRowsImpl);
HWY_EXPORT(ResidualImpl);
HWY_EXPORT(ResidualGradientsImpl);
HWY_EXPORT(DotsImpl);
HWY_EXPORT(EncodeLatentsImpl);
HWY_EXPORT(SumContributionsImpl);
HWY_EXPORT(ApplyAdamImpl);

void AddScaled(float a, const float* x, int n, float* y) {
  HWY_DYNAMIC_DISPATCH(AddScaledImpl)(a, x, n, y);
}

void Scale(float a, int n, float* x) { HWY_DYNAMIC_DISPATCH(ScaleImpl)(a, n, x); }

void ScaleAndCentre(float a, const float* x, const float* b, int n, float* out) {
  HWY_DYNAMIC_DISPATCH(ScaleAndCentreImpl)(a, x, b, n, out);
}

void Gather(const float* values, const int32_t* index, int n, float* out) {
  HWY_DYNAMIC_DISPATCH(GatherImpl)(values, index, n, out);
}

void RemoveParallel(const float* w, int n, float* g) {
  HWY_DYNAMIC_DISPATCH(RemoveParallelImpl)(w, n, g);
}

float SquaredNorm(const float* x, int n) { return HWY_DYNAMIC_DISPATCH(SquaredNormImpl)(x, n); }

void NormaliseRows(float* x, int rows, int n) {
  HWY_DYNAMIC_DISPATCH(NormaliseRowsImpl)(x, rows, n);
}

float Residual(const float* target, const float* w, const LatentActivation* code, int count, int d,
               float* e) {
  return HWY_DYNAMIC_DISPATCH(ResidualImpl)(target, w, code, count, d, e);
}

void Dots(const float* g, const float* w, const LatentActivation* code, int count, int d,
          float* out) {
  HWY_DYNAMIC_DISPATCH(DotsImpl)(g, w, code, count, d, out);
}

PrefixErrors ResidualGradients(const float* target, const float* w, const LatentActivation* code,
                               const int* ends, int prefixes, int d, float factor, float* gradients,
                               float* delta, float* sum, float* error) {
  return HWY_DYNAMIC_DISPATCH(ResidualGradientsImpl)(target, w, code, ends, prefixes, d, factor,
                                                     gradients, delta, sum, error);
}

int EncodeLatents(const float* row, const float* encoder, const float* bias, int d, float floor,
                  LatentActivation* list, int count) {
  return HWY_DYNAMIC_DISPATCH(EncodeLatentsImpl)(row, encoder, bias, d, floor, list, count);
}

LatentGradient SumContributions(const Contribution* contributions, int count,
                                const float* residuals, const float* centred,
                                const float* direction, int d, float* decoder, float* encoder) {
  return HWY_DYNAMIC_DISPATCH(SumContributionsImpl)(contributions, count, residuals, centred,
                                                    direction, d, decoder, encoder);
}

void ApplyAdam(const AdamStep& step, const float* gradient, int n, float* parameter, float* m,
               float* v) {
  const FlushDenormals flush;
  HWY_DYNAMIC_DISPATCH(ApplyAdamImpl)(step, gradient, n, parameter, m, v);
}

}  // namespace recsae::math
#endif  // HWY_ONCE
