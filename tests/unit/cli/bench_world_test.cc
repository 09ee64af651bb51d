#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "clients/cli/bench/orthogonal.h"
#include "clients/cli/bench/world.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/math/matrix.h"
#include "tests/unit/cli/bench_testing.h"

namespace recsae::cli::bench {
namespace {

TEST(Presets, SynthSaeBench16kIsAsPublished) {
  const absl::StatusOr<WorldSpec> spec = FindPreset("16k");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->features, 16'384);
  EXPECT_EQ(spec->dim, 768);
  EXPECT_EQ(spec->latents, 4096);
  EXPECT_EQ(spec->k, 25);
  EXPECT_EQ(spec->correlation_rank, 25);
  EXPECT_EQ(spec->roots, 128);
  EXPECT_EQ(spec->orthogonal_steps, 100);
  EXPECT_EQ(Reason(FindPreset("17k").status()), "PRESET_UNKNOWN");
}

TEST(World, FrequenciesFallByZipfsLawBetweenTheirEnds) {
  const World world = MakeTiny();
  EXPECT_NEAR(world.rate.front(), 0.5, 1e-12);
  EXPECT_NEAR(world.rate.back(), 5e-3, 1e-12);
  const double last = std::pow(80.0, -0.3);
  for (int i = 0; i < 80; ++i) {
    const double share = (std::pow(i + 1.0, -0.3) - last) / (1.0 - last);
    EXPECT_NEAR(world.rate[i], 5e-3 + 0.495 * share, 1e-12);
  }
}

TEST(World, TreesAreGivenOutBreadthFirst) {
  const World world = MakeTiny();
  EXPECT_EQ(world.in_trees, 4 * (1 + 3 + 9));
  EXPECT_EQ(world.first_child[0], 4);
  EXPECT_EQ(world.first_child[3], 13);
  EXPECT_EQ(world.first_child[4], 16);
  EXPECT_EQ(world.children[16], 0);
  for (int node = 0; node < world.in_trees; ++node) {
    for (int c = 0; c < world.children[node]; ++c) {
      EXPECT_EQ(world.parent[world.first_child[node] + c], node);
    }
  }
  WorldSpec spec = TinySpec();
  spec.features = 20;
  spec.latents = 8;
  const World cut = MakeTiny(spec);
  EXPECT_EQ(cut.in_trees, 20);
  EXPECT_EQ(cut.children[4], 3);
  EXPECT_EQ(cut.children[5], 1);
  EXPECT_EQ(cut.children[6], 0);
}

TEST(World, ProbabilitiesMakeUpForParentAndSiblings) {
  const World world = MakeTiny();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(world.probability[i], world.rate[i]);
  for (int i = world.in_trees; i < 80; ++i) EXPECT_EQ(world.probability[i], world.rate[i]);
  const double parent = world.rate[0];
  const double raised = world.rate[5] / parent * (1.0 + (world.rate[4] + world.rate[6]) / parent);
  EXPECT_NEAR(world.probability[5], std::min(raised, 1.0), 1e-12);
  for (int i = 0; i < 80; ++i) {
    if (world.probability[i] < 1.0) {
      EXPECT_NEAR(0.5 * std::erfc(world.threshold[i] / std::numbers::sqrt2), world.probability[i],
                  1e-6);
    } else {
      EXPECT_TRUE(std::isinf(world.threshold[i]));
    }
  }
}

TEST(World, SharedAndOwnVarianceAddUpToOne) {
  WorldSpec spec = TinySpec();
  spec.correlation_scale = 0.6;  // more than fits: 6 · 0.36
  const World world = MakeTiny(spec);
  for (int i = 0; i < spec.features; ++i) {
    double shared = 0.0;
    for (int r = 0; r < 6; ++r) shared += std::pow(world.loadings[i * 6 + r], 2.0);
    EXPECT_NEAR(shared + std::pow(world.residual[i], 2.0), 1.0, 1e-5);
    EXPECT_GE(world.residual[i], 0.0999f);
  }
}

TEST(World, IsTheSameForAnyNumberOfThreads) {
  const World one = MakeTiny(TinySpec(), 1);
  const World three = MakeTiny(TinySpec(), 3);
  EXPECT_EQ(one.features, three.features);
  EXPECT_EQ(one.loadings, three.loadings);
  EXPECT_EQ(one.spread, three.spread);
}

std::vector<float> RandomRows(int n, int dim) {
  Random random(3);
  std::vector<float> rows(static_cast<size_t>(n) * dim);
  for (float& value : rows) value = static_cast<float>(random.Normal());
  const std::vector<double> norms = math::RowNorms(rows, dim);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] /= static_cast<float>(norms[i / dim]);
  return rows;
}

// By the definition: all pairs, in double.
std::vector<double> NaiveOrthogonal(const std::vector<float>& start, int dim, int steps,
                                    double rate) {
  std::vector<double> rows(start.begin(), start.end());
  std::vector<double> m(rows.size()), v(rows.size()), gradient(rows.size());
  const size_t n = rows.size() / static_cast<size_t>(dim);
  for (int t = 1; t <= steps; ++t) {
    for (size_t i = 0; i < n; ++i) {
      for (int a = 0; a < dim; ++a) gradient[i * dim + a] = 0.0;
      for (size_t j = 0; j < n; ++j) {
        double dot = 0.0;
        for (int a = 0; a < dim; ++a) dot += rows[i * dim + a] * rows[j * dim + a];
        const double factor = i == j ? 4.0 * static_cast<double>(n) * (dot - 1.0) : 4.0 * dot;
        for (int a = 0; a < dim; ++a) gradient[i * dim + a] += factor * rows[j * dim + a];
      }
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      m[i] = 0.9 * m[i] + 0.1 * gradient[i];
      v[i] = 0.999 * v[i] + 0.001 * gradient[i] * gradient[i];
      rows[i] -= rate * m[i] / (1.0 - std::pow(0.9, t)) /
                 (std::sqrt(v[i] / (1.0 - std::pow(0.999, t))) + 1e-8);
    }
  }
  for (size_t i = 0; i < n; ++i) {
    double squared = 0.0;
    for (int a = 0; a < dim; ++a) squared += rows[i * dim + a] * rows[i * dim + a];
    for (int a = 0; a < dim; ++a) rows[i * dim + a] /= std::sqrt(squared);
  }
  return rows;
}

double Overlap(const std::vector<float>& rows, int dim) {
  double sum = 0.0;
  const size_t n = rows.size() / static_cast<size_t>(dim);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < i; ++j) {
      double dot = 0.0;
      for (int a = 0; a < dim; ++a) dot += double{rows[i * dim + a]} * rows[j * dim + a];
      sum += dot * dot;
    }
  }
  return sum;
}

TEST(Orthogonal, StepsAreThoseOfTheLossOverAllPairs) {
  const std::vector<float> start = RandomRows(40, 16);
  std::vector<float> rows = start;
  math::WorkerPool pool(1);
  ASSERT_TRUE(MakeOrthogonal(rows, 16, 5, 1e-2, pool, [](int64_t, int64_t) {
                return absl::OkStatus();
              }).ok());
  const std::vector<double> expected = NaiveOrthogonal(start, 16, 5, 1e-2);
  double furthest = 0.0;
  for (size_t i = 0; i < rows.size(); ++i) {
    furthest = std::max(furthest, std::abs(rows[i] - expected[i]));
  }
  EXPECT_LT(furthest, 2e-3);
  EXPECT_LT(Overlap(rows, 16), 0.95 * Overlap(start, 16));
}

TEST(Orthogonal, SumsChunksOfRowsInOrder) {
  const std::vector<float> start = RandomRows(2500, 8);
  const auto run = [&](int threads) {
    std::vector<float> rows = start;
    math::WorkerPool pool(threads);
    EXPECT_TRUE(MakeOrthogonal(rows, 8, 3, 1e-2, pool, [](int64_t, int64_t) {
                  return absl::OkStatus();
                }).ok());
    return rows;
  };
  EXPECT_EQ(run(1), run(3));
}

TEST(Orthogonal, StopsWhenTold) {
  std::vector<float> rows = RandomRows(10, 8);
  math::WorkerPool pool(1);
  const absl::Status status = MakeOrthogonal(rows, 8, 3, 1e-2, pool, [](int64_t done, int64_t) {
    return done == 2 ? absl::CancelledError("enough") : absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace recsae::cli::bench
