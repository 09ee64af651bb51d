#include "common/math/simd/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "common/math/gemm.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::math {
namespace {

using sae::RandomValues;

// op(A) · op(B) + beta · C in double.
std::vector<double> PlainProduct(Transpose ta, Transpose tb, int m, int n, int k,
                                 const std::vector<float>& a, const std::vector<float>& b,
                                 double beta, const std::vector<float>& c) {
  std::vector<double> out(c.begin(), c.end());
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      double sum = 0.0;
      for (int l = 0; l < k; ++l) {
        const double left = ta == Transpose::kNo ? a[i * k + l] : a[l * m + i];
        const double right = tb == Transpose::kNo ? b[l * n + j] : b[j * k + l];
        sum += left * right;
      }
      out[i * n + j] = sum + beta * out[i * n + j];
    }
  }
  return out;
}

TEST(GemmTest, MatchesPlainProduct) {
  for (Transpose ta : {Transpose::kNo, Transpose::kYes}) {
    for (Transpose tb : {Transpose::kNo, Transpose::kYes}) {
      for (float beta : {0.0f, 1.0f}) {
        for (int m : {1, 5, 64}) {
          const int n = 37;
          const int k = 23;
          const std::vector<float> a = RandomValues(m * k, 1);
          const std::vector<float> b = RandomValues(k * n, 2);
          std::vector<float> c = RandomValues(m * n, 3);
          const std::vector<double> expected = PlainProduct(ta, tb, m, n, k, a, b, beta, c);
          Sgemm(ta, tb, m, n, k, a.data(), b.data(), beta, c.data());
          for (size_t i = 0; i < c.size(); ++i) EXPECT_NEAR(c[i], expected[i], 1e-5 * k);
        }
      }
    }
  }
}

TEST(KernelsTest, RemoveParallelLeavesTheOrthogonalPart) {
  const int n = 37;
  std::vector<float> w = RandomValues(n, 7);
  NormaliseRows(w.data(), 1, n);
  EXPECT_NEAR(SquaredNorm(w.data(), n), 1.0, 1e-6);
  std::vector<float> g = RandomValues(n, 8);
  const std::vector<float> before = g;
  RemoveParallel(w.data(), n, g.data());
  double along = 0.0;
  double removed = 0.0;
  for (int i = 0; i < n; ++i) {
    along += static_cast<double>(g[i]) * w[i];
    removed += static_cast<double>(before[i]) * w[i];
  }
  EXPECT_NEAR(along, 0.0, 1e-5);
  for (int i = 0; i < n; ++i) EXPECT_NEAR(g[i] + removed * w[i], before[i], 1e-5);
}

TEST(KernelsTest, ZeroRowStaysZero) {
  std::vector<float> zero(5);
  NormaliseRows(zero.data(), 1, 5);
  EXPECT_EQ(zero, std::vector<float>(5));
}

// Three steps by hand in double, gradient scale included.
TEST(KernelsTest, AdamMatchesItsDefinition) {
  const double rate = 0.1;
  const double beta1 = 0.9;
  const double beta2 = 0.99;
  const double epsilon = 1e-3;
  std::vector<float> parameter = RandomValues(21, 9);
  std::vector<double> expected(parameter.begin(), parameter.end());
  std::vector<float> m(21);
  std::vector<float> v(21);
  std::vector<double> m_expected(21);
  std::vector<double> v_expected(21);
  for (int t = 1; t <= 3; ++t) {
    const std::vector<float> g = RandomValues(21, 10 + static_cast<uint64_t>(t));
    const AdamStep step{static_cast<float>(rate),
                        static_cast<float>(beta1),
                        static_cast<float>(beta2),
                        static_cast<float>(epsilon),
                        static_cast<float>(1.0 / (1.0 - std::pow(beta1, t))),
                        static_cast<float>(1.0 / (1.0 - std::pow(beta2, t))),
                        0.5f};
    ApplyAdam(step, g.data(), 21, parameter.data(), m.data(), v.data());
    for (size_t i = 0; i < 21; ++i) {
      const double scaled = 0.5 * g[i];
      m_expected[i] = beta1 * m_expected[i] + (1.0 - beta1) * scaled;
      v_expected[i] = beta2 * v_expected[i] + (1.0 - beta2) * scaled * scaled;
      expected[i] -= rate * (m_expected[i] / (1.0 - std::pow(beta1, t))) /
                     (std::sqrt(v_expected[i] / (1.0 - std::pow(beta2, t))) + epsilon);
      EXPECT_NEAR(parameter[i], expected[i], 1e-5);
    }
  }
}

}  // namespace
}  // namespace recsae::math
