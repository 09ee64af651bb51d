// Kernels against straightforward versions in double.
#include "services/probe/recommenders/train/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace recsae::probe {
namespace {

std::vector<float> RandomValues(size_t n, double deviation, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, deviation);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(normal(random));
  return values;
}

TEST(SoftmaxGradientTest, AgreesWithDouble) {
  for (const int n : {1, 5, 16, 100, 3125}) {
    for (const double deviation : {0.0, 1.0, 30.0}) {
      std::vector<float> scores = RandomValues(n, deviation, n);
      const int target = n / 2;
      double best = -1e30, sum = 0;
      for (const float s : scores) best = std::max<double>(best, s);
      for (const float s : scores) sum += std::exp(s - best);
      std::vector<double> expected;
      for (int i = 0; i < n; ++i) {
        expected.push_back(0.5 * (std::exp(scores[i] - best) / sum - (i == target ? 1 : 0)));
      }
      const double expected_loss = std::log(sum) + best - scores[target];
      const double loss = SoftmaxGradient(scores.data(), n, target, 0.5f);
      EXPECT_NEAR(loss, expected_loss, 1e-5 * (1 + std::abs(expected_loss)));
      for (int i = 0; i < n; ++i) EXPECT_NEAR(scores[i], expected[i], 2e-6) << i;
    }
  }
}

TEST(DropoutMaskTest, KeepsTheRightShareAndNothingElse) {
  for (const int n : {1, 3, 255, 256, 257, 100003}) {
    std::vector<float> mask(n, -1);
    FillDropoutMask(9, 13107, 1.25f, n, mask.data());  // drops a fifth
    double kept = 0;
    for (const float value : mask) {
      EXPECT_TRUE(value == 0.0f || value == 1.25f) << value;
      kept += value != 0;
    }
    if (n > 10000) {
      EXPECT_NEAR(kept / n, 0.8, 5 * std::sqrt(0.16 / n));
    }
  }
}

TEST(DropoutMaskTest, SeedsAndPositionsDiffer) {
  constexpr int kCount = 100000;
  std::vector<float> a(kCount), b(kCount);
  FillDropoutMask(1, 32768, 1, kCount, a.data());
  FillDropoutMask(2, 32768, 1, kCount, b.data());
  double same_seed_shifted = 0, other_seed = 0;
  for (int i = 64; i < kCount; ++i) {
    same_seed_shifted += a[i] == a[i - 64];
    other_seed += a[i] == b[i];
  }
  const double tolerance = 5 * std::sqrt(0.25 / kCount);
  EXPECT_NEAR(same_seed_shifted / kCount, 0.5, tolerance + 64.0 / kCount);
  EXPECT_NEAR(other_seed / kCount, 0.5, tolerance + 64.0 / kCount);
}

struct Attention {
  int length, first, dim;
  bool causal;
  std::vector<float> q, k, v;
};

// Sum of weight[i] · out[i] of the attention, in double: something to differentiate.
double Probe(const Attention& a, const std::vector<float>& probe) {
  double total = 0;
  for (int i = a.first; i < a.length; ++i) {
    std::vector<double> w;
    double best = -1e30, sum = 0;
    const int end = a.causal ? i + 1 : a.length;
    for (int j = a.first; j < end; ++j) {
      double s = 0;
      for (int c = 0; c < a.dim; ++c) {
        s += static_cast<double>(a.q[i * a.dim + c]) * a.k[j * a.dim + c];
      }
      w.push_back(s / std::sqrt(a.dim));
      best = std::max(best, w.back());
    }
    for (double& x : w) sum += x = std::exp(x - best);
    for (int j = a.first; j < end; ++j) {
      for (int c = 0; c < a.dim; ++c) {
        total += w[j - a.first] / sum * a.v[j * a.dim + c] * probe[i * a.dim + c];
      }
    }
  }
  return total;
}

TEST(AttentionTest, ForwardAndGradientsAgreeWithCentralDifferences) {
  for (const auto& [first, causal] :
       {std::pair(0, true), {3, true}, {6, true}, {0, false}, {3, false}}) {
    Attention a{7, first, 5, causal, {}, {}, {}};
    const int n = a.length * a.dim;
    a.q = RandomValues(n, 1, 1), a.k = RandomValues(n, 1, 2), a.v = RandomValues(n, 1, 3);
    std::vector<float> probe = RandomValues(n, 1, 4);
    std::vector<float> weights(a.length * a.length), out(n), gq(n), gk(n), gv(n);
    AttendForward(a.q.data(), a.k.data(), a.v.data(), a.dim, first, a.length, a.dim, causal,
                  weights.data(), out.data(), a.dim);
    double total = 0;
    for (int i = 0; i < n; ++i) total += static_cast<double>(out[i]) * probe[i];
    EXPECT_NEAR(total, Probe(a, probe), 1e-4);
    for (int i = 0; i < first * a.dim; ++i) EXPECT_EQ(out[i], 0);
    AttendBackward(a.q.data(), a.k.data(), a.v.data(), a.dim, first, a.length, a.dim, causal,
                   weights.data(), probe.data(), a.dim, gq.data(), gk.data(), gv.data());
    const std::pair<std::vector<float>*, std::vector<float>*> pairs[] = {
        {&a.q, &gq}, {&a.k, &gk}, {&a.v, &gv}};
    for (const auto& [values, gradient] : pairs) {
      for (int i = 0; i < n; ++i) {
        const float before = (*values)[i];
        constexpr float kStep = 1.0f / 256;
        (*values)[i] = before + kStep;
        const double up = Probe(a, probe);
        (*values)[i] = before - kStep;
        const double down = Probe(a, probe);
        (*values)[i] = before;
        EXPECT_NEAR((*gradient)[i], (up - down) / (2 * kStep), 1e-3) << i;
      }
    }
  }
}

}  // namespace
}  // namespace recsae::probe
