#include "services/explainer/verification/case_selection.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

#include "services/explainer/labeling/roles.h"

namespace recsae::explainer {
namespace {

constexpr int kLatents = 6;

// 3,000 cases of so many users in two captures; each case activates two of the latents.
CaseTable RandomCases(unsigned seed = 5, int users = 600) {
  CaseTable cases(kLatents);
  std::mt19937 random(seed);
  for (int i = 0; i < 3000; ++i) {
    Case made;
    made.capture = i < 600 ? 0 : 1;
    made.row = i;
    made.user = static_cast<int32_t>(random() % static_cast<unsigned>(users));
    made.ranked = {static_cast<int32_t>(random() % 40)};
    const auto first = static_cast<int32_t>(random() % kLatents);
    const auto second = static_cast<int32_t>((first + 1) % kLatents);
    const std::vector<sae::LatentActivation> code = {
        {first, 1.0f + static_cast<float>(random() % 1000) / 100},
        {second, 0.1f + static_cast<float>(random() % 100) / 100}};
    cases.Add(std::move(made), code);
  }
  cases.Finish();
  return cases;
}

class CaseSelectionTest : public ::testing::Test {
 protected:
  const CaseTable cases_ = RandomCases();
  const CaseSelector selector_{cases_, {}};
};

TEST_F(CaseSelectionTest, ThePaperTakesTheMostActivatedCasesOfItsCapture) {
  for (int latent = 0; latent < kLatents; ++latent) {
    const CaseSelection selection = selector_.Select(latent);
    ASSERT_EQ(selection.construction.size(), 5u);
    ASSERT_EQ(selection.positives.size(), 5u);
    ASSERT_EQ(selection.negatives.size(), 5u);
    std::set<int32_t> top;
    for (const ActiveCase& item : cases_.Active(latent)) {
      if (cases_.at(item.index).capture == 0 && top.size() < 10) top.insert(item.index);
    }
    std::set<int32_t> drawn(selection.construction.begin(), selection.construction.end());
    drawn.insert(selection.positives.begin(), selection.positives.end());
    EXPECT_EQ(drawn, top) << "each of them on one side";
    for (const int32_t index : selection.negatives) {
      EXPECT_EQ(cases_.at(index).capture, 0);
      EXPECT_EQ(cases_.Activation(index, latent), 0);
    }
  }
}

TEST_F(CaseSelectionTest, TakesAsManyCasesAsAskedFor) {
  SelectionOptions options;
  options.paper_cases = 12;
  const CaseSelection selection = CaseSelector(cases_, options).Select(0);
  EXPECT_EQ(selection.construction.size(), 12u);
  EXPECT_EQ(selection.positives.size(), 12u);
  EXPECT_EQ(std::set<int32_t>(selection.negatives.begin(), selection.negatives.end()).size(), 12u);
}

// Over random tables: who sets a threshold neither describes elsewhere nor is measured, and has one
// case of the latent, on which it does not fire.
TEST(CaseSelectionPropertyTest, BackgroundIsOfUsersWhoSetThresholds) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const CaseTable cases =
        RandomCases(static_cast<unsigned>(seed), 20 + 40 * static_cast<int>(seed));
    SelectionOptions options;
    options.seed = seed;
    const CaseSelector selector(cases, options);
    for (int latent = 0; latent < kLatents; ++latent) {
      const std::vector<int32_t> background = selector.Background(latent, 100);
      EXPECT_LE(background.size(), 100u);
      EXPECT_FALSE(background.empty());
      std::set<int32_t> users;
      for (const int32_t index : background) {
        EXPECT_EQ(RoleOf(seed, cases.at(index).user), Role::kThreshold);
        EXPECT_TRUE(users.insert(cases.at(index).user).second);
        EXPECT_EQ(cases.Activation(index, latent), 0);
      }
    }
  }
}

TEST_F(CaseSelectionTest, TheSameSeedSelectsTheSameAndAnotherDoesNot) {
  EXPECT_EQ(selector_.Select(1).positives, CaseSelector(cases_, {}).Select(1).positives);
  SelectionOptions other;
  other.seed = 1;
  EXPECT_NE(selector_.Select(1).construction, CaseSelector(cases_, other).Select(1).construction);
}

TEST(CaseSelectionEdgeTest, RareAndDeadLatents) {
  CaseTable cases(2);
  Case made;
  made.ranked = {0};
  cases.Add(made, std::vector<sae::LatentActivation>{{0, 1.0f}});
  for (int i = 0; i < 20; ++i) cases.Add(made, {});
  cases.Finish();
  const CaseSelector selector(cases, {});
  for (const int latent : {0, 1}) {
    EXPECT_TRUE(selector.Select(latent).construction.empty());
    EXPECT_TRUE(selector.Select(latent).positives.empty());
    EXPECT_TRUE(selector.Select(latent).negatives.empty());
  }
}

}  // namespace
}  // namespace recsae::explainer
