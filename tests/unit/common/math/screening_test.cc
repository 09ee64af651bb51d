// Bounds that hold whatever the values are, on each instruction set that has them, and codes that
// are exactly the k largest for it.
#define HWY_WANT_AVX3_DL 1  // as the source that is tested
#include "common/math/simd/screening.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "common/sae/gradients.h"
#include "common/sae/model.h"
#include "tests/unit/common/math/sweep_testing.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::math {
namespace {

using sae::Architecture;
using sae::PlantedRows;
using sae::RandomValues;
using sae::RandomWeights;
using sae::SaeModel;
using sae::SaeWeights;

// Rows of very different kinds, [n, dim].
std::vector<float> OddRows(int dim, int n) {
  std::vector<float> rows = RandomValues(int64_t{n} * dim, 3);
  for (int r = 0; r < n; ++r) {
    float* row = &rows[static_cast<size_t>(r) * static_cast<size_t>(dim)];
    for (int i = 0; i < dim; ++i) {
      if (r % 7 == 1) row[i] = 0.0f;                        // nothing at all
      if (r % 7 == 2) row[i] = i == dim / 2 ? 5.0f : 0.0f;  // a single value
      if (r % 7 == 3) row[i] *= 1e-12f;
      if (r % 7 == 4) row[i] *= 1e12f;
      if (r % 7 == 5) row[i] = i == 0 ? 1e4f : row[i];  // one value hides the others
      if (r % 7 == 6) row[i] = 1.0f;                    // all the same
    }
  }
  return rows;
}

class ScreeningTest : public InstructionSetTest {
 protected:
  void SetUp() override {
    InstructionSetTest::SetUp();
    if (!Screening::Available()) GTEST_SKIP() << "no 8-bit products";
  }
};

// Widths of rows and numbers of latents.
constexpr std::pair<int, int> kSizes[] = {{1, 1},     {3, 47},    {4, 48},   {17, 49},
                                          {64, 1024}, {130, 333}, {512, 200}};

double ExactProduct(const float* encoder, const float* row, int dim) {
  double sum = 0.0;
  for (int i = 0; i < dim; ++i) sum += static_cast<double>(encoder[i]) * row[i];
  return sum;
}

void ExpectBoundsHold(int dim, int latents) {
  std::vector<float> encoder = RandomValues(int64_t{latents} * dim, 1);
  for (int i = 0; i < dim; ++i) encoder[static_cast<size_t>(i)] *= 1e3f;  // one latent dwarfs all
  const std::vector<float> bias = RandomValues(latents, 2, 10.0f);
  Screening screening;
  screening.Resize(latents, dim);
  screening.Pack(encoder.data(), bias.data(), 0, screening.panels());
  const int n = 21;
  const std::vector<float> rows = OddRows(dim, n);
  ScreenedRows screened;
  screening.Quantise(rows.data(), n, screened);
  const auto stride = static_cast<size_t>(screening.panels() * screening.width());
  const auto groups = static_cast<size_t>(screening.groups());
  std::vector<float> upper(Screening::kMaxRows * stride);
  std::vector<float> lower(Screening::kMaxRows * groups);
  const auto words = static_cast<size_t>(screening.MaskWords(screening.panels()));
  std::vector<uint64_t> masks(Screening::kMaxRows * words, ~uint64_t{0});
  for (int begin = 0; begin < n; begin += Screening::kMaxRows) {
    const int count = std::min(Screening::kMaxRows, n - begin);
    const float floor = 0.3f * static_cast<float>(begin - n / 2);
    screening.Bound(screened, begin, count, 0, screening.panels(), upper.data(), lower.data());
    screening.FindAbove(screened, begin, count, 0, screening.panels(), floor, masks.data());
    for (int r = 0; r < count; ++r) {
      const float* row = &rows[static_cast<size_t>(begin + r) * static_cast<size_t>(dim)];
      std::vector<double> largest(groups, -HUGE_VAL);
      for (int j = 0; j < latents; ++j) {
        const double exact = bias[static_cast<size_t>(j)] +
                             ExactProduct(&encoder[static_cast<size_t>(j * dim)], row, dim);
        const auto at = static_cast<size_t>(j);
        ASSERT_GE(upper[static_cast<size_t>(r) * stride + at], exact) << "row " << begin + r;
        largest[at % groups] = std::max(largest[at % groups], exact);
        const bool found = masks[static_cast<size_t>(r) * words + at / 64] >> (at % 64) & 1;
        ASSERT_TRUE(found || exact <= floor) << "row " << begin + r;
        ASSERT_EQ(found, upper[static_cast<size_t>(r) * stride + at] > floor);
      }
      for (size_t past = static_cast<size_t>(latents); past < 64 * words; ++past) {
        ASSERT_EQ(masks[static_cast<size_t>(r) * words + past / 64] >> (past % 64) & 1, 0u);
      }
      for (size_t g = 0; g < groups; ++g) {
        ASSERT_LE(lower[static_cast<size_t>(r) * groups + g], largest[g]) << "row " << begin + r;
      }
    }
  }
}

// Tight enough to leave few: on rows and latents of usual kinds the margin is a small share of the
// product of their norms.
void ExpectTight(int dim, int latents) {
  const std::vector<float> encoder = RandomValues(int64_t{latents} * dim, 1);
  Screening screening;
  screening.Resize(latents, dim);
  screening.Pack(encoder.data(), nullptr, 0, screening.panels());
  const std::vector<float> row = RandomValues(dim, 3);
  ScreenedRows screened;
  screening.Quantise(row.data(), 1, screened);
  std::vector<float> upper(static_cast<size_t>(screening.panels() * screening.width()));
  std::vector<float> lower(static_cast<size_t>(screening.groups()));
  screening.Bound(screened, 0, 1, 0, screening.panels(), upper.data(), lower.data());
  for (int j = 0; j < latents; ++j) {
    double exact = 0.0;
    double norm = 0.0;
    for (int i = 0; i < dim; ++i) {
      const double w = encoder[static_cast<size_t>(j * dim + i)];
      exact += w * row[static_cast<size_t>(i)];
      norm += w * w;
    }
    EXPECT_LE(upper[static_cast<size_t>(j)] - exact,
              0.05 * std::sqrt(norm) * screened.norms[0] + 1e-6);
  }
}

TEST_P(ScreeningTest, BoundsHold) {
  for (const auto& [dim, latents] : kSizes) ExpectBoundsHold(dim, latents);
}

TEST_P(ScreeningTest, BoundsAreTight) {
  for (const auto& [dim, latents] : kSizes) ExpectTight(dim, latents);
}

// A batch's code is the same, to the bit, whether the bound that the batches before it left screens
// its candidates or nothing does; and its least value is the one that doubles give.
TEST_P(ScreeningTest, BatchTopKIsExact) {
  const int dim = 24;
  const int latents = 512;
  const int n = 256;
  const SaeWeights weights = RandomWeights(dim, latents, 8, Architecture::kBatchTopK, 5);
  sae::LossConfig loss;
  loss.prefixes = {8, 128};
  WorkerPool pool(2);
  sae::BatchGradients warm;
  for (uint64_t batch = 0; batch < 6; ++batch) {
    // The least value kept rises and falls from batch to batch.
    std::vector<float> rows = PlantedRows(n, dim, 100, 6, 20 + batch);
    for (float& value : rows)
      value *= batch % 3 == 2 ? 0.4f : 1.0f + 0.1f * static_cast<float>(batch);
    sae::BatchGradients fresh;
    const sae::BatchLoss a = warm.Compute(weights, loss, rows.data(), n, pool);
    const sae::BatchLoss b = fresh.Compute(weights, loss, rows.data(), n, pool);
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.least_kept, b.least_kept);
    EXPECT_EQ(a.l0, 8.0);
    std::vector<double> pre;
    for (int r = 0; r < n; ++r) {
      const float* row = &warm.centred()[static_cast<size_t>(r * dim)];
      for (int j = 0; j < latents; ++j) {
        pre.push_back(ExactProduct(&weights.encoder[static_cast<size_t>(j * dim)], row, dim) +
                      weights.encoder_bias[static_cast<size_t>(j)]);
      }
    }
    std::nth_element(pre.begin(), pre.begin() + (8 * n - 1), pre.end(), std::greater<>());
    EXPECT_NEAR(a.least_kept, pre[8 * n - 1], 1e-5);
    for (int j = 0; j < latents; ++j) {
      ASSERT_EQ(warm.has_gradient(j), fresh.has_gradient(j));
      for (int i = 0; warm.has_gradient(j) && i < dim; ++i) {
        ASSERT_EQ(warm.encoder(j)[i], fresh.encoder(j)[i]);
        ASSERT_EQ(warm.decoder(j)[i], fresh.decoder(j)[i]);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ScreeningTest,
                         ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         InstructionSetName);

// Whether screened or not, a code is the k largest pre-activations, by double precision; where the
// k-th and the next are closer than floats can tell, either may be in it.
TEST(ScreenedCodesTest, AreTheLargest) {
  const int dim = 64;
  const int k = 8;
  for (Architecture architecture : {Architecture::kTopK, Architecture::kTopKSigned}) {
    const SaeWeights weights = RandomWeights(dim, 1024, k, architecture, 5);
    const absl::StatusOr<SaeModel> model = SaeModel::Create(weights);
    ASSERT_TRUE(model.ok()) << model.status();
    const int n = 3000;
    const std::vector<float> rows = PlantedRows(n, dim, 256, 6, 9);
    const SparseCodes codes = model->EncodeBatch(rows.data(), n);
    for (int r = 0; r < n; ++r) {
      std::vector<double> pre(1024);
      for (size_t j = 0; j < pre.size(); ++j) {
        pre[j] = weights.encoder_bias[j];
        for (size_t i = 0; i < dim; ++i) {
          pre[j] += static_cast<double>(weights.encoder[j * dim + i]) *
                    (rows[static_cast<size_t>(r) * dim + i] - weights.pre_bias[i]);
        }
      }
      std::vector<int> order(pre.size());
      std::iota(order.begin(), order.end(), 0);
      std::sort(order.begin(), order.end(), [&](int a, int b) { return pre[a] > pre[b]; });
      ASSERT_EQ(codes.Row(r).size(), static_cast<size_t>(k));
      for (const LatentActivation& entry : codes.Row(r)) {
        EXPECT_GE(pre[entry.latent], pre[order[k - 1]] - 1e-5);
        EXPECT_NEAR(entry.value, pre[entry.latent], 1e-5);
      }
    }
  }
}

}  // namespace
}  // namespace recsae::math
