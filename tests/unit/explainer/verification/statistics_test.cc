#include "services/explainer/verification/statistics.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace recsae::explainer {
namespace {

// "VmSize": of this process, in bytes.
rlim_t ProcessBytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(field + ":", 0) == 0) return std::stoull(line.substr(field.size() + 1)) * 1024;
  }
  return 0;
}

TEST(WilsonIntervalTest, MatchesPublishedValues) {
  // Newcombe 1998, table I, method 3: 81 of 263 and 0 of 20, 15 of 148.
  EXPECT_NEAR(WilsonInterval(81, 263).first, 0.2553, 5e-5);
  EXPECT_NEAR(WilsonInterval(81, 263).second, 0.3662, 5e-5);
  EXPECT_NEAR(WilsonInterval(15, 148).first, 0.0624, 5e-5);
  EXPECT_NEAR(WilsonInterval(15, 148).second, 0.1605, 5e-5);
  EXPECT_NEAR(WilsonInterval(0, 20).first, 0.0, 1e-12);
  EXPECT_NEAR(WilsonInterval(0, 20).second, 0.1611, 5e-5);
  EXPECT_EQ(WilsonInterval(0, 0), std::pair(0.0, 1.0));
}

TEST(BenjaminiHochbergTest, MatchesTheStepUpProcedure) {
  // Benjamini and Hochberg 1995, section 3.2: the four smallest are rejected at 0.05.
  const std::vector<double> p = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                                 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000};
  const std::vector<double> q = BenjaminiHochberg(p);
  for (size_t i = 0; i < p.size(); ++i) {
    EXPECT_EQ(q[i] <= 0.05, i < 4) << i;
    EXPECT_GE(q[i], p[i]);
    if (i > 0) {
      EXPECT_GE(q[i], q[i - 1]);
    }
  }
  EXPECT_TRUE(BenjaminiHochberg({}).empty());
}

TEST(RocAucTest, CountsPairsWithTiesAsHalf) {
  EXPECT_EQ(RocAuc(std::vector<double>{2, 3}, std::vector<double>{0, 1}), 1.0);
  EXPECT_EQ(RocAuc(std::vector<double>{0, 1}, std::vector<double>{2, 3}), 0.0);
  EXPECT_EQ(RocAuc(std::vector<double>{1, 1}, std::vector<double>{1}), 0.5);
  // Pairs: (3,1) (3,2) (3,3=) (1,1=) (1,2x) (1,3x) -> 3 of 6.
  EXPECT_EQ(RocAuc(std::vector<double>{3, 1}, std::vector<double>{1, 2, 3}), 0.5);
  EXPECT_EQ(RocAuc({}, std::vector<double>{1}), 0.5);
}

TEST(StandardizerTest, CountsInStandardDeviationsOfTheOthers) {
  const Standardizer standardizer(std::vector<double>{0.4, 0.6, 0.4, 0.6}, 100);
  EXPECT_DOUBLE_EQ(standardizer.mean(), 0.5);
  EXPECT_NEAR(standardizer(0.8), 3.0, 1e-9);
  // The rest of 0.6: 0.4, 0.6, 0.4, of mean 7/15 and variance 2/225.
  EXPECT_NEAR(standardizer.AgainstTheRest(0.6), (0.6 - 7.0 / 15) / std::sqrt(2.0 / 225), 1e-6);
  // Others that agree: a deviation of half a case.
  EXPECT_NEAR(Standardizer(std::vector<double>{0.5, 0.5, 0.5}, 100)(0.51), 2.0, 1e-6);
}

// How many of so many cases each of the others judged rightly.
std::vector<int> RandomOthers(int others, int cases, std::mt19937& random) {
  std::binomial_distribution<int> right(cases, 0.5);
  std::vector<int> counts;
  for (int i = 0; i < others; ++i) counts.push_back(right(random));
  return counts;
}

std::vector<double> Shares(const std::vector<int>& right, int cases) {
  std::vector<double> shares;
  for (const int count : right) shares.push_back(static_cast<double>(count) / cases);
  return shares;
}

// Counting is as good as keeping all values, to the bit.
TEST(PooledControlTest, IsTheShareOfAllPairsThatDoAsWell) {
  std::mt19937 random(4);
  PooledControl control;
  std::vector<double> all;
  std::vector<double> worths = {-100, 100};
  for (const int cases : {20, 57, 100, 100, 2000}) {
    const std::vector<int> right = RandomOthers(40, cases, random);
    const std::vector<double> shares = Shares(right, cases);
    const Standardizer standardizer(shares, cases);
    control.Add(standardizer, cases, right);
    for (const double share : shares) all.push_back(standardizer.AgainstTheRest(share));
    for (const double share : {0.4, 0.5, 0.6}) worths.push_back(standardizer(share));
    worths.push_back(all.back());  // equal to one of the control, which then counts
    worths.push_back(all.back());
  }
  const std::vector<double> p_values = control.PValues(worths);
  ASSERT_EQ(p_values.size(), worths.size());
  for (size_t i = 0; i < worths.size(); ++i) {
    double as_good = 0;
    for (const double other : all) as_good += other >= worths[i] - 1e-9;
    EXPECT_EQ(p_values[i], (1 + as_good) / (1 + static_cast<double>(all.size()))) << worths[i];
  }
  EXPECT_TRUE(control.PValues({}).empty());
  EXPECT_EQ(PooledControl().PValues(std::vector<double>{0.0}), std::vector<double>{1.0});
}

// All pairs of 16,384 latents would be 2 GiB of numbers.
TEST(PooledControlTest, ManyLatentsTakeLittleMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer takes memory of its own";
#endif
  constexpr int kLatents = 16'384;
  constexpr int kCases = 2000;  // as many as a request may ask for
  std::mt19937 random(4);
  const std::vector<int> right = RandomOthers(kLatents - 1, kCases, random);
  const Standardizer standardizer(Shares(right, kCases), kCases);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit = {ProcessBytes("VmSize") + (100 << 20), RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &limit);
    PooledControl control;
    for (int latent = 0; latent < kLatents; ++latent) control.Add(standardizer, kCases, right);
    const std::vector<double> worths(kLatents, 1.5);
    _exit(control.PValues(worths)[0] < 0.1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace recsae::explainer
