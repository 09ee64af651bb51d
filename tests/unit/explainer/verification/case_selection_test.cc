#include "services/explainer/verification/case_selection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

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

std::set<int32_t> Users(const CaseTable& cases, const std::vector<int32_t>& indices) {
  std::set<int32_t> users;
  for (const int32_t index : indices) users.insert(cases.at(index).user);
  return users;
}

bool Overlap(const std::set<int32_t>& a, const std::set<int32_t>& b) {
  return std::any_of(a.begin(), a.end(), [&](int32_t value) { return b.contains(value); });
}

class CaseSelectionTest : public ::testing::Test {
 protected:
  const CaseTable cases_ = RandomCases();
  const CaseSelector selector_{cases_, {}};
};

TEST_F(CaseSelectionTest, ThePaperTakesTheMostActivatedCasesOfItsCapture) {
  for (int latent = 0; latent < kLatents; ++latent) {
    const CaseSelection selection = selector_.Select(latent);
    ASSERT_EQ(selection.paper_positives.size(), 5u);
    ASSERT_EQ(selection.paper_negatives.size(), 5u);
    std::set<int32_t> top;
    for (const ActiveCase& item : cases_.Active(latent)) {
      if (cases_.at(item.index).capture == 0 && top.size() < 10) top.insert(item.index);
    }
    for (const int32_t index : selection.paper_positives) EXPECT_TRUE(top.contains(index));
    for (size_t i = 0; i < 5; ++i) EXPECT_TRUE(top.contains(selection.paper_construction[i]));
    EXPECT_EQ(selection.paper_construction.size(), 5u);
    for (const int32_t index : selection.paper_negatives) {
      EXPECT_EQ(cases_.at(index).capture, 0);
      EXPECT_EQ(cases_.Activation(index, latent), 0);
    }
  }
}

// Over random tables, for every latent: a user describes, sets thresholds or measures, and has one
// case of the latent at most.
TEST(CaseSelectionPropertyTest, UsersOfTheThreeRolesAreDisjoint) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const CaseTable cases =
        RandomCases(static_cast<unsigned>(seed), 20 + 40 * static_cast<int>(seed));
    SelectionOptions options;
    options.seed = seed;
    const CaseSelector selector(cases, options);
    for (int latent = 0; latent < kLatents; ++latent) {
      const CaseSelection selection = selector.Select(latent);
      std::vector<int32_t> threshold = selection.threshold_positives;
      const std::vector<int32_t> background = selector.Background(latent, 100);
      std::vector<int32_t> measuring = selection.extended_positives;
      measuring.insert(measuring.end(), selection.extended_negatives.begin(),
                       selection.extended_negatives.end());
      EXPECT_EQ(Users(cases, selection.construction).size(), selection.construction.size());
      EXPECT_EQ(Users(cases, threshold).size(), threshold.size());
      EXPECT_EQ(Users(cases, background).size(), background.size());
      EXPECT_EQ(Users(cases, measuring).size(), measuring.size());
      threshold.insert(threshold.end(), background.begin(), background.end());
      const std::set<int32_t> describing = Users(cases, selection.construction);
      EXPECT_FALSE(Overlap(describing, Users(cases, threshold)));
      EXPECT_FALSE(Overlap(describing, Users(cases, measuring)));
      EXPECT_FALSE(Overlap(Users(cases, threshold), Users(cases, measuring)));
    }
  }
}

TEST_F(CaseSelectionTest, ThePapersCasesAreOnOneSide) {
  for (int latent = 0; latent < kLatents; ++latent) {
    const CaseSelection selection = selector_.Select(latent);
    const std::set<int32_t> construction(selection.paper_construction.begin(),
                                         selection.paper_construction.end());
    for (const auto* list : {&selection.paper_positives, &selection.paper_negatives}) {
      EXPECT_FALSE(Overlap(construction, std::set<int32_t>(list->begin(), list->end())));
    }
  }
}

TEST_F(CaseSelectionTest, TheLargerProtocolSpreadsOverActivationsAndHasHardNegatives) {
  const CaseSelection selection = selector_.Select(2);
  ASSERT_EQ(selection.extended_positives.size(), 50u);
  ASSERT_EQ(selection.extended_negatives.size(), 50u);
  EXPECT_EQ(selection.hard_negatives, 25);
  EXPECT_GT(cases_.Activation(selection.extended_positives.front(), 2), 9);
  EXPECT_LT(cases_.Activation(selection.extended_positives.back(), 2), 0.5);
  std::set<int32_t> recommended;
  for (const int32_t index : selection.extended_positives) {
    EXPECT_GT(cases_.Activation(index, 2), 0);
    recommended.insert(cases_.at(index).ranked[0]);
  }
  for (size_t i = 0; i < selection.extended_negatives.size(); ++i) {
    const int32_t index = selection.extended_negatives[i];
    EXPECT_EQ(cases_.Activation(index, 2), 0);
    if (i < 25) {
      EXPECT_TRUE(recommended.contains(cases_.at(index).ranked[0]));
    }
  }
}

TEST_F(CaseSelectionTest, TheSameSeedSelectsTheSameAndAnotherDoesNot) {
  EXPECT_EQ(selector_.Select(1).paper_positives,
            CaseSelector(cases_, {}).Select(1).paper_positives);
  SelectionOptions other;
  other.seed = 1;
  EXPECT_NE(selector_.Select(1).construction, CaseSelector(cases_, other).Select(1).construction);
}

TEST_F(CaseSelectionTest, BackgroundDoesNotActivate) {
  const std::vector<int32_t> background = selector_.Background(3, 100);
  EXPECT_EQ(background.size(), 100u);
  for (const int32_t index : background) EXPECT_EQ(cases_.Activation(index, 3), 0);
}

TEST(CaseSelectionEdgeTest, RareAndDeadLatents) {
  CaseTable cases(2);
  Case made;
  made.ranked = {0};
  cases.Add(made, std::vector<sae::LatentActivation>{{0, 1.0f}});
  for (int i = 0; i < 20; ++i) cases.Add(made, {});
  cases.Finish();
  const CaseSelector selector(cases, {});
  EXPECT_TRUE(selector.Select(0).paper_construction.empty());
  EXPECT_TRUE(selector.Select(0).paper_positives.empty());
  EXPECT_TRUE(selector.Select(1).construction.empty());
  EXPECT_TRUE(selector.Select(1).extended_negatives.empty());
}

}  // namespace
}  // namespace recsae::explainer
