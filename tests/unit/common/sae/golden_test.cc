// The engine follows training runs of the PyTorch port (tests/golden/make_sae_golden.py): another
// implementation, in double precision, that shares no line with it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/sae/training_case.h"
#include "common/files/npy.h"
#include "common/sae/trainer.h"

namespace recsae::sae {
namespace {

std::string Folder(const std::string& recipe) {
  return absl::StrCat(RECSAE_GOLDEN_DIR, "/sae/", recipe);
}

std::vector<float> ReadValues(const std::string& path) {
  const absl::StatusOr<cli::NpyArray> array = cli::ReadNpy(path);
  EXPECT_TRUE(array.ok()) << array.status();
  return array.ok() ? array->values : std::vector<float>();
}

// All weights in one row, as after_<n>.npy has them.
std::vector<float> Flatten(const SaeWeights& weights) {
  std::vector<float> all;
  for (const auto* part :
       {&weights.encoder, &weights.encoder_bias, &weights.decoder, &weights.pre_bias}) {
    all.insert(all.end(), part->begin(), part->end());
  }
  return all;
}

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0.0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(double{a[i]} - b[i]));
  }
  return largest;
}

// Every step rounds a weight anew, by up to 6e-8 where it is below 1 (half a unit in the last
// place), and the arithmetic of the step itself by a few of these. No choice of the runs is so
// close that this decides it, so nothing makes the two drift apart faster. One update is 1e-3
// (default) or 1e-4 (paper) per weight.
double Tolerance(int64_t steps) { return 4e-7 + 6e-8 * static_cast<double>(steps); }

class GoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTest, FollowsThePort) {
  const std::string folder = Folder(GetParam());
  const absl::StatusOr<TrainingCase> golden = ReadCase(folder);
  ASSERT_TRUE(golden.ok()) << golden.status();
  const std::vector<float> trace = ReadValues(absl::StrCat(folder, "/trace.npy"));
  const auto steps = static_cast<int64_t>(trace.size()) / 2;
  ASSERT_EQ(steps, 100);
  absl::StatusOr<std::unique_ptr<Trainer>> trainer = Trainer::CreateFrom(
      golden->config, golden->initial, golden->variance, golden->total_rows, /*threads=*/1);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  for (int64_t step = 0; step < steps; ++step) {
    EXPECT_EQ((*trainer)->dead_latents(), trace[step * 2 + 1]) << "step " << step;
    const absl::StatusOr<StepStats> stats =
        (*trainer)->Step(golden->Batch(step), golden->config.batch_rows);
    ASSERT_TRUE(stats.ok()) << stats.status();
    EXPECT_NEAR(stats->fvu, trace[step * 2], 2e-5) << "step " << step;
    const int64_t done = step + 1;
    if (done != 1 && done != 10 && done != 100) continue;
    const std::vector<float> expected = ReadValues(absl::StrCat(folder, "/after_", done, ".npy"));
    EXPECT_LT(LargestDifference(Flatten((*trainer)->weights()), expected), Tolerance(done))
        << "after " << done << " steps";
  }
}

INSTANTIATE_TEST_SUITE_P(Recipes, GoldenTest, testing::Values("default", "paper"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace recsae::sae
