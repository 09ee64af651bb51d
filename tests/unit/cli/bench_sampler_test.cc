// The sampler against the world's definition, feature by feature in plain loops.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "clients/cli/bench/sampler.h"
#include "tests/unit/cli/bench_testing.h"

namespace recsae::cli::bench {
namespace {

constexpr int64_t kRows = 60'000;

// Values of all features [N] of one row, by the definition.
std::vector<double> NaiveRow(const World& world, Random& random) {
  const int n = world.spec.features;
  const int rank = world.spec.correlation_rank;
  std::vector<double> epsilon;
  for (int r = 0; r < rank; ++r) epsilon.push_back(random.Normal());
  std::vector<double> z(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) {
    double g = world.residual[i] * random.Normal();
    for (int r = 0; r < rank; ++r) g += world.loadings[i * rank + r] * epsilon[r];
    const double value = world.mean[i] + world.spread[i] * random.Normal();
    if (g > world.threshold[i]) z[i] = std::max(value, 0.0);
  }
  for (int parent = 0; parent < world.in_trees; ++parent) {
    std::vector<int> firing;
    for (int c = 0; c < world.children[parent]; ++c) {
      const int child = world.first_child[parent] + c;
      z[child] *= z[parent] / world.mean[parent];
      if (z[child] > 0) firing.push_back(child);
    }
    if (firing.size() < 2) continue;
    const int winner = firing[random.Below(firing.size())];
    for (const int child : firing) {
      if (child != winner) z[child] = 0.0;
    }
  }
  return z;
}

// Sums over rows of what is compared: firing alone, in pairs, values and their squares.
struct Moments {
  explicit Moments(int n)
      : features(n), fires(n), values(n), squares(n), pairs(static_cast<size_t>(n) * n) {}

  void Add(const TrueCode& code) {
    for (const auto& [i, value] : code) {
      ++fires[i];
      values[i] += value;
      squares[i] += double{value} * value;
      for (const auto& [j, other] : code) ++pairs[static_cast<size_t>(i) * features + j];
    }
    l0 += static_cast<double>(code.size());
    l0_squares += static_cast<double>(code.size() * code.size());
  }

  int features;
  std::vector<double> fires, values, squares, pairs;
  double l0 = 0.0, l0_squares = 0.0;
};

Moments OfSampler(const World& world) {
  const Sampler sampler(world, 11);
  math::WorkerPool pool(2);
  std::vector<float> rows(static_cast<size_t>(kRows) * world.spec.dim);
  std::vector<TrueCode> codes(static_cast<size_t>(kRows));
  sampler.Generate(0, kRows, pool, rows.data(), codes.data());
  Moments moments(world.spec.features);
  for (const TrueCode& code : codes) moments.Add(code);
  return moments;
}

Moments OfDefinition(const World& world) {
  Random random(5);
  Moments moments(world.spec.features);
  for (int64_t row = 0; row < kRows; ++row) {
    const std::vector<double> z = NaiveRow(world, random);
    TrueCode code;
    for (int i = 0; i < world.spec.features; ++i) {
      if (z[i] > 0) code.push_back({i, static_cast<float>(z[i])});
    }
    moments.Add(code);
  }
  return moments;
}

// Counts of two samples of the same size in standard errors of their difference.
double Distance(double a, double b) { return std::abs(a - b) / std::sqrt(std::max(a + b, 1.0)); }

class SamplerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = new World(MakeTiny());
    ours_ = new Moments(OfSampler(*world_));
    naive_ = new Moments(OfDefinition(*world_));
  }
  static void TearDownTestSuite() {
    delete world_;
    delete ours_;
    delete naive_;
  }
  static World* world_;
  static Moments* ours_;
  static Moments* naive_;
};
World* SamplerTest::world_ = nullptr;
Moments* SamplerTest::ours_ = nullptr;
Moments* SamplerTest::naive_ = nullptr;

TEST_F(SamplerTest, FeaturesFireAsOftenAsByDefinition) {
  for (int i = 0; i < world_->spec.features; ++i) {
    ASSERT_GT(naive_->fires[i], 100);
    EXPECT_LT(Distance(ours_->fires[i], naive_->fires[i]), 4.5) << "feature " << i;
  }
  const double n = kRows;
  const double variance = naive_->l0_squares / n - std::pow(naive_->l0 / n, 2.0);
  EXPECT_LT(std::abs(ours_->l0 - naive_->l0) / std::sqrt(2.0 * n * variance), 4.0);
  // The spread of L0 has all correlations in it.
  const double ours = ours_->l0_squares / n - std::pow(ours_->l0 / n, 2.0);
  EXPECT_NEAR(ours / variance, 1.0, 0.04);
}

TEST_F(SamplerTest, PairsFireTogetherAsOftenAsByDefinition) {
  const int n = world_->spec.features;
  double squares = 0.0;
  int compared = 0;
  double correlated = 0.0;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j) {
      const size_t at = static_cast<size_t>(i) * n + j;
      const double expected = naive_->fires[i] * naive_->fires[j] / double{kRows};
      if (expected < 50) continue;
      const double distance = Distance(ours_->pairs[at], naive_->pairs[at]);
      EXPECT_LT(distance, 5.0) << i << " and " << j;
      squares += distance * distance;
      correlated = std::max(correlated, Distance(ours_->pairs[at], expected));
      ++compared;
    }
  }
  EXPECT_GT(compared, 500);
  EXPECT_NEAR(squares / compared, 1.0, 0.3);
  // And that is not what independent features would do.
  EXPECT_GT(correlated, 20.0);
}

TEST_F(SamplerTest, ValuesHaveTheMeanAndSpreadOfTheDefinition) {
  for (int i = 0; i < world_->spec.features; ++i) {
    const double mean = ours_->values[i] / ours_->fires[i];
    const double expected = naive_->values[i] / naive_->fires[i];
    const double variance = naive_->squares[i] / naive_->fires[i] - expected * expected;
    const double error = std::sqrt(variance * (1.0 / ours_->fires[i] + 1.0 / naive_->fires[i]));
    EXPECT_LT(std::abs(mean - expected) / error, 4.5) << "feature " << i;
    const double spread = ours_->squares[i] / ours_->fires[i] - mean * mean;
    EXPECT_NEAR(spread / variance, 1.0, 8.0 / std::sqrt(naive_->fires[i]) + 0.05);
  }
}

TEST_F(SamplerTest, ChildrenFireOneAtATimeAndOnlyUnderTheirParent) {
  const Sampler sampler(*world_, 3);
  math::WorkerPool pool(1);
  std::vector<float> rows(4096u * world_->spec.dim);
  std::vector<TrueCode> codes(4096);
  sampler.Generate(0, 4096, pool, rows.data(), codes.data());
  int children = 0;
  for (const TrueCode& code : codes) {
    std::vector<int> fires(static_cast<size_t>(world_->spec.features));
    std::vector<int> of_parent(static_cast<size_t>(world_->spec.features));
    int before = -1;
    for (const auto& [feature, value] : code) {
      EXPECT_GT(feature, before);
      EXPECT_GT(value, 0.0f);
      before = feature;
      fires[feature] = 1;
      if (feature >= world_->in_trees || world_->parent[feature] < 0) continue;
      ++children;
      EXPECT_EQ(fires[world_->parent[feature]], 1);
      EXPECT_EQ(++of_parent[world_->parent[feature]], 1);
    }
  }
  EXPECT_GT(children, 1000);
}

TEST_F(SamplerTest, RowsAreTheSumOfWhatFires) {
  const Sampler sampler(*world_, 3);
  math::WorkerPool pool(1);
  const int d = world_->spec.dim;
  std::vector<float> rows(100u * d);
  std::vector<TrueCode> codes(100);
  sampler.Generate(0, 100, pool, rows.data(), codes.data());
  for (int row = 0; row < 100; ++row) {
    for (int a = 0; a < d; ++a) {
      double sum = world_->bias[a];
      for (const auto& [feature, value] : codes[row]) {
        sum += double{value} * world_->features[feature * d + a];
      }
      EXPECT_NEAR(rows[row * d + a], sum, 1e-4);
    }
  }
}

TEST_F(SamplerTest, ARowIsTheSameWhoeverAsksForIt) {
  const Sampler sampler(*world_, 3);
  const auto d = static_cast<size_t>(world_->spec.dim);
  math::WorkerPool one(1);
  math::WorkerPool three(3);
  std::vector<float> all(300 * d);
  std::vector<TrueCode> codes(300);
  sampler.Generate(0, 300, three, all.data(), codes.data());
  // In pieces that cut blocks.
  std::vector<float> pieces(300 * d);
  std::vector<TrueCode> piece_codes(300);
  for (int64_t first = 0; first < 300; first += 37) {
    const int64_t n = std::min<int64_t>(37, 300 - first);
    sampler.Generate(first, n, one, &pieces[static_cast<size_t>(first) * d], &piece_codes[first]);
  }
  EXPECT_EQ(all, pieces);
  EXPECT_EQ(codes, piece_codes);
  const Sampler other(*world_, 4);
  other.Generate(0, 300, one, pieces.data(), nullptr);
  EXPECT_NE(all, pieces);
}

// As its authors say of SynthSAEBench-16k: about 34 features in a row, 25 of them among the 4,096
// most frequent.
TEST(Sampler, FiresAsManyFeaturesAsPublished) {
  WorldSpec spec = *FindPreset("16k");
  spec.dim = 4;  // of no influence on what fires
  spec.orthogonal_steps = 0;
  const World world = MakeTiny(spec);
  EXPECT_EQ(world.in_trees, 128 * (1 + 4 + 16 + 64));
  const Sampler sampler(world, 1);
  math::WorkerPool pool(2);
  constexpr int64_t kFew = 3000;
  std::vector<float> rows(kFew * 4);
  std::vector<TrueCode> codes(kFew);
  sampler.Generate(0, kFew, pool, rows.data(), codes.data());
  double all = 0.0;
  double frequent = 0.0;
  for (const TrueCode& code : codes) {
    for (const auto& [feature, value] : code) {
      all += 1.0 / kFew;
      frequent += feature < 4096 ? 1.0 / kFew : 0.0;
    }
  }
  EXPECT_NEAR(all, 34.0, 1.5);
  EXPECT_NEAR(frequent, 25.0, 1.5);
}

TEST(NormalTail, IsTheTail) {
  const NormalTail tail;
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const double c = 24.0 * random.Uniform() - 12.0;
    const double exact = 0.5 * std::erfc(c / std::numbers::sqrt2);
    const double v = i % 2 == 0 ? random.Uniform() : exact * (1.0 + 0.01 * random.Normal());
    EXPECT_EQ(tail.Exceeds(v, c), v < exact) << v << " " << c;
  }
  EXPECT_TRUE(tail.Exceeds(0.999, -std::numeric_limits<double>::infinity()));
}

}  // namespace
}  // namespace recsae::cli::bench
