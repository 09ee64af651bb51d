// The smallest set is found where all are tried, and every set that is answered was tried.
#include "services/explainer/attribution/counterfactual.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <random>
#include <set>

#include "common/base/status.h"

namespace recsae::explainer {
namespace {

// Scores fall by what each candidate is worth; below `bar` the item is out of the list.
struct World {
  std::vector<double> worth;
  double bar = 0;
  std::set<CandidateSet> tried;

  Outcome Without(const CandidateSet& set) const {
    double score = 0;
    for (const int place : set) score -= worth[place];
    // Two that go together count more than each.
    if (set.size() > 1 && set[1] == set[0] + 1) score -= 0.5;
    return {score < bar ? 11 : 10, score};
  }
  absl::StatusOr<Counterfactual> Find(CounterfactualOptions options) {
    options.candidates = static_cast<int>(worth.size());
    return FindCounterfactual(options, [this](absl::Span<const CandidateSet> sets) {
      std::vector<Outcome> outcomes;
      for (const CandidateSet& set : sets) {
        EXPECT_TRUE(std::is_sorted(set.begin(), set.end()));
        tried.insert(set);
        outcomes.push_back(Without(set));
      }
      return outcomes;
    });
  }
  // The size of the smallest set that drops the item, by trying all; 0 for none.
  int Smallest() const {
    int smallest = 0;
    for (uint32_t bits = 1; bits < (1U << worth.size()); ++bits) {
      CandidateSet set;
      for (size_t i = 0; i < worth.size(); ++i) {
        if ((bits >> i & 1U) != 0) set.push_back(static_cast<int>(i));
      }
      const int size = std::popcount(bits);
      if (Without(set).rank > 10 && (smallest == 0 || size < smallest)) smallest = size;
    }
    return smallest;
  }
};

World Random(int candidates, std::mt19937_64& random) {
  World world;
  std::uniform_real_distribution<double> worth(-1, 2);
  for (int i = 0; i < candidates; ++i) world.worth.push_back(worth(random));
  world.bar = -std::uniform_real_distribution<double>(0.5, 9)(random);
  return world;
}

TEST(FindCounterfactualTest, FindsTheSmallestOfUpToThreeAndSaysSo) {
  std::mt19937_64 random(11);
  int smallest_found = 0, none = 0, greedy = 0;
  for (int round = 0; round < 300; ++round) {
    World world = Random(2 + round % 9, random);
    const int smallest = world.Smallest();
    const auto found = world.Find({0, 10, 5, 10'000});
    ASSERT_TRUE(found.ok());
    if (!found->found) {
      ++none;
      EXPECT_TRUE(smallest == 0 || smallest > 3) << smallest;
      continue;
    }
    EXPECT_GT(found->outcome.rank, 10);
    EXPECT_TRUE(world.tried.contains(found->set));
    EXPECT_EQ(found->outcome.score, world.Without(found->set).score);
    if (smallest <= 3) {
      EXPECT_EQ(static_cast<int>(found->set.size()), smallest);
      EXPECT_TRUE(found->smallest);
      ++smallest_found;
    } else {
      ++greedy;
      for (size_t i = 0; i < found->set.size(); ++i) {
        CandidateSet fewer = found->set;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_LE(world.Without(fewer).rank, 10) << "one of the set is needless";
      }
    }
  }
  EXPECT_GT(smallest_found, 50);
  EXPECT_GT(none, 5);
  EXPECT_GT(greedy, 5);
}

TEST(FindCounterfactualTest, KeepsToItsBudgetAndDoesNotClaimWhatItDidNotTry) {
  World world;
  world.worth.assign(60, 0.3);
  world.bar = -1.3;  // with the half for neighbours: three of them
  const auto found = world.Find({0, 10, 6, 100});
  ASSERT_TRUE(found.ok());
  EXPECT_LE(found->tried, 100);
  EXPECT_EQ(found->tried, static_cast<int64_t>(world.tried.size()));
  EXPECT_FALSE(found->smallest && found->set.size() > 2);
}

TEST(FindCounterfactualTest, WithoutASetItTellsTheOneThatLowersTheScoreMost) {
  World world;
  world.worth = {0.1, 2, -1, 0.4};
  world.bar = -100;
  const auto found = world.Find({0, 10, 2, 1000});
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->found);
  EXPECT_FALSE(found->smallest);
  EXPECT_EQ(found->set, (CandidateSet{0, 1}));
}

TEST(FindCounterfactualTest, AnErrorEndsIt) {
  const auto found = FindCounterfactual(
      {3, 10, 2, 100}, [](absl::Span<const CandidateSet>) -> absl::StatusOr<std::vector<Outcome>> {
        return Error(absl::StatusCode::kUnavailable, "PEER_UNAVAILABLE", "gone");
      });
  EXPECT_EQ(Reason(found.status()), "PEER_UNAVAILABLE");
}

}  // namespace
}  // namespace recsae::explainer
