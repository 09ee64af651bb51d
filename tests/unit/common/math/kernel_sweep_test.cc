// Every kernel against a plain loop in double: all sizes around those of vectors, starts that are
// not aligned, small, mixed and denormal values, on each instruction set. The bounds are what the
// rounding of floats can do in any order of the operations.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "common/math/simd/kernels.h"
#include "tests/unit/common/math/sweep_testing.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::math {
namespace {

using sae::RandomValues;

enum class Kind { kNormal, kMixed, kDenormal, kZeros };

struct Point {
  int n;
  size_t misalignment;
  Kind kind;
};

std::ostream& operator<<(std::ostream& out, const Point& at) {
  return out << "n " << at.n << " misalignment " << at.misalignment << " kind "
             << static_cast<int>(at.kind);
}

void ForAllPoints(const std::function<void(const Point&)>& test) {
  for (Kind kind : {Kind::kNormal, Kind::kMixed, Kind::kDenormal, Kind::kZeros}) {
    for (int n : SweepSizes()) {
      for (size_t misalignment : {size_t{0}, size_t(n % 3 + 1)}) test({n, misalignment, kind});
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

// kMixed: of magnitudes 1e-10 to 1e10; kZeros: mostly 0 and −0.
std::vector<float> ValuesOf(Kind kind, int64_t n, uint64_t seed) {
  std::vector<float> values = RandomValues(n, seed);
  std::mt19937_64 bits(seed + 1000);
  for (float& value : values) {
    const auto draw = static_cast<int>(bits() % 21);
    if (kind == Kind::kMixed) value *= std::pow(10.0f, static_cast<float>(draw - 10));
    if (kind == Kind::kDenormal) value *= 1e-40f;
    if (kind == Kind::kZeros && draw > 3) value = draw % 2 == 0 ? 0.0f : -0.0f;
  }
  return values;
}

// A sum in double that knows how far one in floats, in any order, may be off.
class Sum {
 public:
  void Add(double a, double b = 1.0) {
    value_ += a * b;
    magnitude_ += std::abs(a * b);
    ++terms_;
  }
  double value() const { return value_; }
  double error() const { return (terms_ + 2) * (magnitude_ * 0x1p-24 + 0x1p-149); }

 private:
  double value_ = 0.0;
  double magnitude_ = 0.0;
  int terms_ = 0;
};

void ExpectSum(float actual, const Sum& expected, const Point& at, int i, double allowed = 0.0) {
  ASSERT_LE(std::abs(actual - expected.value()), expected.error() + allowed)
      << actual << " instead of " << expected.value() << " at " << i << ": " << at;
}

using KernelSweepTest = InstructionSetTest;

TEST_P(KernelSweepTest, AddScaledAndScale) {
  ForAllPoints([](const Point& at) {
    Guarded<float> x(ValuesOf(at.kind, at.n, 1), at.misalignment);
    const std::vector<float> before = ValuesOf(at.kind, at.n, 2);
    Guarded<float> y(before, at.misalignment + 1);
    AddScaled(-0.7f, x.data(), at.n, y.data());
    Guarded<float> scaled(before, at.misalignment);
    Scale(-0.7f, at.n, scaled.data());
    for (int i = 0; i < at.n; ++i) {
      Sum sum;
      sum.Add(before[i]);
      sum.Add(-0.7f, x[i]);
      ExpectSum(y[i], sum, at, i);
      ASSERT_EQ(scaled[i], -0.7f * before[i]) << at;
    }
    ASSERT_TRUE(y.GuardsIntact() && scaled.GuardsIntact()) << at;
  });
}

TEST_P(KernelSweepTest, ScaleAndCentre) {
  ForAllPoints([](const Point& at) {
    Guarded<float> x(ValuesOf(at.kind, at.n, 3), at.misalignment);
    Guarded<float> b(ValuesOf(at.kind, at.n, 4), at.misalignment + 1);
    Guarded<float> out(std::vector<float>(static_cast<size_t>(at.n)), at.misalignment + 2);
    ScaleAndCentre(1.9f, x.data(), b.data(), at.n, out.data());
    for (int i = 0; i < at.n; ++i) {
      Sum sum;
      sum.Add(1.9f, x[i]);
      sum.Add(-b[i]);
      ExpectSum(out[i], sum, at, i);
    }
    ASSERT_TRUE(out.GuardsIntact()) << at;
  });
}

TEST_P(KernelSweepTest, Gather) {
  ForAllPoints([](const Point& at) {
    Guarded<float> values(ValuesOf(at.kind, 300, 5), at.misalignment);
    std::mt19937 bits(6);
    std::vector<int32_t> places(static_cast<size_t>(at.n));
    for (int32_t& place : places) place = static_cast<int32_t>(bits() % 300);
    places[0] = 299;
    Guarded<int32_t> index(places, at.misalignment);
    Guarded<float> out(std::vector<float>(places.size()), at.misalignment);
    Gather(values.data(), index.data(), at.n, out.data());
    for (int i = 0; i < at.n; ++i) ASSERT_EQ(out[i], values[places[i]]) << at;
    ASSERT_TRUE(out.GuardsIntact()) << at;
  });
}

TEST_P(KernelSweepTest, SquaredNormAndRemoveParallel) {
  ForAllPoints([](const Point& at) {
    Guarded<float> w(ValuesOf(at.kind, at.n, 10), at.misalignment);
    const std::vector<float> before = ValuesOf(at.kind, at.n, 11);
    Guarded<float> g(before, at.misalignment + 1);
    Sum squares;
    Sum along;
    for (int i = 0; i < at.n; ++i) {
      squares.Add(w[i], w[i]);
      along.Add(before[i], w[i]);
    }
    ExpectSum(SquaredNorm(w.data(), at.n), squares, at, 0);
    RemoveParallel(w.data(), at.n, g.data());
    for (int i = 0; i < at.n; ++i) {
      Sum sum;
      sum.Add(before[i]);
      sum.Add(-along.value(), w[i]);
      ASSERT_LE(std::abs(g[i] - sum.value()), sum.error() + 2.0 * along.error() * std::abs(w[i]))
          << at;
    }
    ASSERT_TRUE(g.GuardsIntact()) << at;
  });
}

// The square of a denormal is 0 in float, so such a row counts as a zero one.
TEST_P(KernelSweepTest, NormaliseRows) {
  ForAllPoints([](const Point& at) {
    const int rows = 1 + at.n % 5;
    const std::vector<float> before = ValuesOf(at.kind, int64_t{rows} * at.n, 12);
    Guarded<float> x(before, at.misalignment);
    NormaliseRows(x.data(), rows, at.n);
    for (int row = 0; row < rows; ++row) {
      double squared = 0.0;
      for (int i = row * at.n; i < (row + 1) * at.n; ++i) squared += std::pow(before[i], 2);
      const bool zero = squared == 0.0 || at.kind == Kind::kDenormal;
      const double length = zero ? 1.0 : std::sqrt(squared);
      for (int i = row * at.n; i < (row + 1) * at.n; ++i) {
        ASSERT_NEAR(x[i], before[i] / length, (at.n + 8) * 0x1p-24 * std::abs(x[i]) + 0x1p-149)
            << at;
      }
    }
    ASSERT_TRUE(x.GuardsIntact()) << at;
  });
}

// count entries of a code over `latents` latents.
std::vector<LatentActivation> RandomCode(Kind kind, int count, int latents) {
  const std::vector<float> values = ValuesOf(kind, count, 13);
  std::vector<LatentActivation> code;
  for (int c = 0; c < count; ++c) code.push_back({(c * 5 + 2) % latents, values[c]});
  return code;
}

TEST_P(KernelSweepTest, ResidualAndDots) {
  constexpr int kLatents = 11;
  ForAllPoints([](const Point& at) {
    const std::vector<LatentActivation> code = RandomCode(at.kind, at.n % 6, kLatents);
    const auto count = static_cast<int>(code.size());
    Guarded<float> w(RandomValues(int64_t{kLatents} * at.n, 14), at.misalignment);
    const std::vector<float> target = ValuesOf(at.kind, at.n, 15);
    Guarded<float> e(target, at.misalignment + 1);
    const float squared = Residual(e.data(), w.data(), code.data(), count, at.n, e.data());
    Sum squares;
    for (int i = 0; i < at.n; ++i) {
      Sum sum;
      sum.Add(target[i]);
      for (const LatentActivation& entry : code) {
        sum.Add(-entry.value, w[static_cast<size_t>(entry.latent) * at.n + i]);
      }
      ExpectSum(e[i], sum, at, i);
      squares.Add(e[i], e[i]);
    }
    ExpectSum(squared, squares, at, 0);
    Guarded<float> dots(std::vector<float>(code.size()), at.misalignment);
    Dots(e.data(), w.data(), code.data(), count, at.n, dots.data());
    for (int c = 0; c < count; ++c) {
      Sum dot;
      for (int i = 0; i < at.n; ++i) {
        dot.Add(e[i], w[static_cast<size_t>(code[c].latent) * at.n + i]);
      }
      ExpectSum(dots[c], dot, at, c);
    }
    ASSERT_TRUE(e.GuardsIntact() && dots.GuardsIntact()) << at;
  });
}

// Held against Residual of each prefix and plain sums.
TEST_P(KernelSweepTest, ResidualGradients) {
  constexpr int kLatents = 11;
  constexpr float kFactor = -0.3f;
  ForAllPoints([](const Point& at) {
    const auto n = static_cast<size_t>(at.n);
    const std::vector<LatentActivation> code = RandomCode(at.kind, at.n % 6, kLatents);
    const auto count = static_cast<int>(code.size());
    // One prefix or three, of which two may be the same or empty.
    std::vector<int> ends = {count};
    if (at.n % 2 == 0) ends = {at.n % 3 == 0 ? 0 : count / 2, count / 2, count};
    const auto prefixes = static_cast<int>(ends.size());
    Guarded<float> w(RandomValues(int64_t{kLatents} * at.n, 14), at.misalignment);
    Guarded<float> target(ValuesOf(at.kind, at.n, 15), at.misalignment + 1);
    const std::vector<float> sum_before = ValuesOf(at.kind, at.n, 16);
    Guarded<float> g(std::vector<float>(n * ends.size()), at.misalignment);
    Guarded<float> delta(std::vector<float>(code.size()), at.misalignment);
    Guarded<float> sum(sum_before, at.misalignment + 2);
    Guarded<float> error(std::vector<float>(n), at.misalignment);
    const PrefixErrors errors =
        ResidualGradients(target.data(), w.data(), code.data(), ends.data(), prefixes, at.n,
                          kFactor, g.data(), delta.data(), sum.data(), error.data());
    Sum all;
    Sum last;
    std::vector<Sum> gradient(n);
    for (int p = prefixes - 1; p >= 0; --p) {
      std::vector<float> e(n);
      Residual(target.data(), w.data(), code.data(), ends[static_cast<size_t>(p)], at.n, e.data());
      for (size_t i = 0; i < n; ++i) {
        all.Add(e[i], e[i]);
        if (p == prefixes - 1) last.Add(e[i], e[i]);
        gradient[i].Add(kFactor, target[i]);
        for (int c = 0; c < ends[static_cast<size_t>(p)]; ++c) {
          gradient[i].Add(-kFactor * code[static_cast<size_t>(c)].value,
                          w[static_cast<size_t>(code[static_cast<size_t>(c)].latent) * n + i]);
        }
        ExpectSum(g[static_cast<size_t>(p) * n + i], gradient[i], at, static_cast<int>(i));
        if (p == prefixes - 1) {
          ASSERT_EQ(error[i], e[i]) << at;
        }
      }
    }
    ExpectSum(errors.all, all, at, 0);
    ExpectSum(errors.last, last, at, 0);
    for (size_t i = 0; i < n; ++i) {
      Sum added;
      added.Add(sum_before[i]);
      added.Add(g[i]);
      ExpectSum(sum[i], added, at, static_cast<int>(i));
    }
    for (int c = 0; c < count; ++c) {
      const size_t p =
          static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), c) - ends.begin());
      Sum dot;
      for (size_t i = 0; i < n; ++i) {
        dot.Add(g[p * n + i], w[static_cast<size_t>(code[static_cast<size_t>(c)].latent) * n + i]);
      }
      ExpectSum(delta[static_cast<size_t>(c)], dot, at, c);
    }
    ASSERT_TRUE(g.GuardsIntact() && delta.GuardsIntact() && sum.GuardsIntact() &&
                error.GuardsIntact())
        << at;
  });
}

TEST_P(KernelSweepTest, SumContributions) {
  constexpr int kRows = 9;
  ForAllPoints([](const Point& at) {
    const auto d = static_cast<size_t>(at.n);
    const std::vector<float> factors = ValuesOf(at.kind, 2 * (d % 8), 16);
    std::vector<Contribution> contributions;
    Sum delta;
    for (size_t c = 0; c + 1 < factors.size(); c += 2) {
      contributions.push_back({static_cast<int32_t>(c * 5 % kRows),
                               static_cast<int32_t>(c * 7 % kRows), factors[c], factors[c + 1]});
      delta.Add(factors[c + 1]);
    }
    Guarded<float> residuals(RandomValues(int64_t{kRows} * at.n, 17), at.misalignment);
    Guarded<float> centred(RandomValues(int64_t{kRows} * at.n, 18), at.misalignment);
    std::vector<float> unit = RandomValues(at.n, 19);
    NormaliseRows(unit.data(), 1, at.n);
    Guarded<float> direction(unit, at.misalignment + 1);
    for (bool project : {false, true}) {
      Guarded<float> decoder(std::vector<float>(d, 5.0f), at.misalignment);
      Guarded<float> encoder(std::vector<float>(d, 5.0f), at.misalignment + 1);
      const LatentGradient gradient =
          SumContributions(contributions.data(), static_cast<int>(contributions.size()),
                           residuals.data(), centred.data(), project ? direction.data() : nullptr,
                           at.n, decoder.data(), encoder.data());
      ExpectSum(gradient.bias, delta, at, 0);
      std::vector<Sum> decoder_sums(d);
      Sum along;
      for (size_t i = 0; i < d; ++i) {
        Sum encoder_sum;
        for (const Contribution& entry : contributions) {
          const float residual = residuals[static_cast<size_t>(entry.residual) * d + i];
          decoder_sums[i].Add(entry.value, residual);
          encoder_sum.Add(entry.delta, centred[static_cast<size_t>(entry.row) * d + i]);
          along.Add(static_cast<double>(entry.value) * residual, unit[i]);
        }
        ExpectSum(encoder[i], encoder_sum, at, static_cast<int>(i));
      }
      Sum squares;
      for (size_t i = 0; i < d; ++i) {
        const double removed = project ? along.value() * unit[i] : 0.0;
        const double error = project ? 2.0 * along.error() * std::abs(unit[i]) : 0.0;
        ASSERT_LE(std::abs(decoder[i] - (decoder_sums[i].value() - removed)),
                  2.0 * decoder_sums[i].error() + error)
            << at;
        squares.Add(decoder[i], decoder[i]);
        squares.Add(encoder[i], encoder[i]);
      }
      ExpectSum(gradient.squares, squares, at, 0);
      ASSERT_TRUE(decoder.GuardsIntact() && encoder.GuardsIntact()) << at;
    }
  });
}

// With and without gradient. The step is checked from the moments as they came out.
TEST_P(KernelSweepTest, ApplyAdam) {
  const AdamStep step = {0.01f, 0.9f, 0.999f, 1e-8f, 2.0f, 20.0f, 0.5f};
  // Denormal numbers count as 0.
  constexpr double kFlushed = 0x1p-125;
  // Without vectors the approximate root is a coarser one.
  const double rounding = GetParam() == HWY_SCALAR ? 0x1p-17 : 0x1p-20;
  ForAllPoints([&](const Point& at) {
    for (bool with_gradient : {true, false}) {
      Guarded<float> g(ValuesOf(at.kind, at.n, 19), at.misalignment);
      const std::vector<float> before = ValuesOf(at.kind, at.n, 20);
      const std::vector<float> m_before = ValuesOf(at.kind, at.n, 21);
      std::vector<float> v_before = ValuesOf(at.kind, at.n, 22);
      for (float& value : v_before) value *= value;
      Guarded<float> p(before, at.misalignment + 1);
      Guarded<float> m(m_before, at.misalignment);
      Guarded<float> v(v_before, at.misalignment + 2);
      ApplyAdam(step, with_gradient ? g.data() : nullptr, at.n, p.data(), m.data(), v.data());
      for (int i = 0; i < at.n; ++i) {
        const double scaled = with_gradient ? 0.5 * g[i] : 0.0;
        Sum first;
        first.Add(step.beta1, m_before[i]);
        first.Add(1.0f - step.beta1, scaled);
        ExpectSum(m[i], first, at, i, kFlushed);
        Sum second;
        second.Add(step.beta2, v_before[i]);
        second.Add((1.0f - step.beta2) * scaled, scaled);
        ExpectSum(v[i], second, at, i, kFlushed);
        const double root = std::sqrt(20.0 * v[i]) + 1e-8;
        const double move = step.learning_rate * 2.0 * m[i] / root;
        ASSERT_NEAR(
            p[i], before[i] - move,
            rounding * std::abs(move) + 0x1p-24 * std::abs(p[i]) + kFlushed / root + kFlushed)
            << at;
      }
      ASSERT_TRUE(p.GuardsIntact() && m.GuardsIntact() && v.GuardsIntact()) << at;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(All, KernelSweepTest,
                         ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         InstructionSetName);

}  // namespace
}  // namespace recsae::math
