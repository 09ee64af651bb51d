#include "services/explainer/labeling/statistical_labeler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace recsae::explainer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// 40 items: the first 8 are horror films called "... of the Crypt", the others drama; every item
// has a colour that means nothing.
class StatisticalLabelerTest : public ::testing::Test {
 protected:
  StatisticalLabelerTest() : features_(Items()) {
    std::mt19937 random(3);
    for (int i = 0; i < 400; ++i) {
      profiles_.push_back(MakeProfile(CaseAbout(i % 5 == 0, random), features_, {}));
    }
    background_.assign(static_cast<size_t>(features_.size()), 0.0);
    for (const Profile& profile : profiles_) {
      for (const auto& [feature, share] : profile) {
        background_[static_cast<size_t>(feature)] += share / 400.0;
      }
    }
  }

  static std::vector<ItemText> Items() {
    std::vector<ItemText> items;
    const char* colours[] = {"Red", "Blue", "Green"};
    for (int i = 0; i < 40; ++i) {
      const bool horror = i < 8;
      items.push_back({std::string(horror ? "Return of the Crypt " : "A Quiet Story ") +
                           std::string(1, static_cast<char>('A' + i % 26)) + "x",
                       {{"genre", horror ? "Horror" : "Drama"}, {"colour", colours[i % 3]}}});
    }
    return items;
  }

  static Case CaseAbout(bool horror, std::mt19937& random) {
    Case made;
    for (int i = 0; i < 10; ++i) {
      const bool typical = random() % 10 < 8;
      const auto item = static_cast<int32_t>(horror == typical ? random() % 8 : 8 + random() % 32);
      (i < 5 ? made.ranked : made.history).push_back(item);
    }
    return made;
  }

  // Describes the horror cases among the first n profiles, judged against the others of them.
  Description Describe(const StatisticalLabeler& labeler, int n) const {
    std::vector<ConstructionCase> cases;
    std::vector<const Profile*> others;
    for (int i = 0; i < n; ++i) {
      if (i % 5 == 0) {
        cases.push_back({&profiles_[static_cast<size_t>(i)], 10});
      } else {
        others.push_back(&profiles_[static_cast<size_t>(i)]);
      }
    }
    return labeler.Describe(cases, others);
  }

  ItemFeatures features_;
  std::vector<Profile> profiles_;
  std::vector<double> background_;
};

TEST_F(StatisticalLabelerTest, NamesWhatTheCasesShareAndNotTheNoise) {
  const StatisticalLabeler labeler(features_, background_, {});
  const Description description = Describe(labeler, 100);
  ASSERT_FALSE(description.terms.empty());
  EXPECT_THAT(description.text, HasSubstr("Horror"));
  EXPECT_THAT(description.text, Not(HasSubstr("Drama")));
  for (const char* colour : {"Red", "Blue", "Green"}) {
    EXPECT_THAT(description.text, Not(HasSubstr(colour)));
  }
}

TEST_F(StatisticalLabelerTest, PredictsUnseenCases) {
  const StatisticalLabeler labeler(features_, background_, {});
  const Description description = Describe(labeler, 100);
  int correct = 0;
  for (size_t i = 100; i < profiles_.size(); ++i) {
    const double score = labeler.Score(description, profiles_[i]);
    correct += description.Predicts(score) == (i % 5 == 0);
    EXPECT_EQ(description.Predicts(score), description.Level(score) > 5);
  }
  EXPECT_GE(correct, 255) << "of 300; a fifth of all items shown are noise";
}

TEST_F(StatisticalLabelerTest, WeighsTermsAsTheFormulaSays) {
  LabelerOptions options;
  options.draws_per_case = 2;
  options.prior_draws = 4;
  std::vector<double> background(static_cast<size_t>(features_.size()), 0.01);
  int32_t horror = -1;
  for (int id = 0; id < features_.size(); ++id) {
    if (features_.feature(id).text == "Horror") horror = id;
  }
  background[static_cast<size_t>(horror)] = 0.25;
  const StatisticalLabeler labeler(features_, background, options);
  const Profile profile = {{horror, 0.75f}};
  const std::vector<ConstructionCase> cases = {{&profile, 10}, {&profile, 10}};
  const Description description = labeler.Describe(cases, {});
  // Two cases of level 10 are 2 · 2 draws; 0.75 of them and 4 · 0.25 of the prior have the feature.
  const double with = 4 * 0.75 + 4 * 0.25;
  const double without = 4 + 4 - with;
  const double log_odds = std::log(with / without) - std::log(0.25 / 0.75);
  const double z = log_odds / std::sqrt(1 / with + 1 / without);
  if (z >= options.min_z) {
    ASSERT_EQ(description.terms.size(), 1u);
    EXPECT_NEAR(description.terms[0].log_odds, log_odds, 1e-6);
    EXPECT_NEAR(description.terms[0].z, z, 1e-6);
  } else {
    EXPECT_TRUE(description.terms.empty());
    options.min_z = z - 0.01;
    const Description found =
        StatisticalLabeler(features_, background, options).Describe(cases, {});
    ASSERT_EQ(found.terms.size(), 1u);
    EXPECT_NEAR(found.terms[0].z, z, 1e-6);
  }
}

TEST_F(StatisticalLabelerTest, CasesWithoutAnythingInCommonGetNoDescription) {
  const StatisticalLabeler labeler(features_, background_, {});
  const Profile empty;
  const std::vector<ConstructionCase> cases = {{&empty, 3}, {&empty, 4}};
  EXPECT_TRUE(labeler.Describe(cases, {}).terms.empty());
  EXPECT_TRUE(labeler.Describe({}, {}).terms.empty());
  EXPECT_EQ(Description().Level(100), 0) << "what says nothing predicts nothing";
}

TEST(ProfileTest, SharesAddUpToOneAndNewerHistoryCountsMore) {
  const std::vector<ItemText> items = {{"", {{"k", "a"}}}, {"", {{"k", "b"}}}, {"", {{"k", "c"}}}};
  const ItemFeatures features(items);
  Case made;
  made.ranked = {0};
  made.history = {1, 2};
  ProfileOptions options;
  options.ranked = 0;
  options.recommended = 0.5;
  options.history = 0.5;
  const Profile profile = MakeProfile(made, features, options);
  ASSERT_EQ(profile.size(), 3u);
  EXPECT_FLOAT_EQ(profile[0].second, 0.5f);
  EXPECT_NEAR(profile[1].second + profile[2].second, 0.5, 1e-6);
  EXPECT_NEAR(profile[1].second / profile[2].second, options.history_decay, 1e-6);
  EXPECT_TRUE(MakeProfile(Case(), features, options).empty());
}

}  // namespace
}  // namespace recsae::explainer
