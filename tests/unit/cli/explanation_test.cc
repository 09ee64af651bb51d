#include "clients/cli/render/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "clients/cli/pipeline/showcase.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {
namespace {

using explainer::v1::Explanation;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Explanation ExampleExplanation() {
  Explanation explanation;
  const auto latent = [&](int number, const char* description, double correlation, bool verified,
                          int level) {
    auto& value = *explanation.add_latents();
    value.set_latent(number);
    value.set_activation(2);
    value.set_level(level);
    value.set_description(description);
    value.set_correlation(correlation);
    value.set_verified(verified);
  };
  latent(7, "horror, 1980s", 0.92, true, 3);
  latent(9, "drama; like War Horse", 0.6, false, 8);
  latent(11, "", 0, false, 0);
  latent(13, "horror", 0.7, true, 6);
  const auto group = [&](int lead, std::vector<int> places) {
    auto& value = *explanation.add_groups();
    const auto& first = explanation.latents(places[0]);
    value.set_lead_latent(lead);
    value.set_description(first.description());
    value.set_correlation(first.correlation());
    value.set_verified(first.verified());
    value.mutable_latents()->Assign(places.begin(), places.end());
  };
  group(7, {0, 3});
  group(9, {1});
  group(11, {2});
  auto& item = *explanation.add_items();
  item.set_item_id("1214");
  item.set_title("Alien (1979)");
  item.set_rank(1);
  item.set_score(10.5);
  for (const double part : {4.0, 0.5, -5.0, 0.5}) item.add_contributions(part);
  for (const double part : {4.5, 0.5, -5.0}) item.add_group_contributions(part);
  item.set_bias(9.5);
  item.set_residual(1);
  auto& seen = *explanation.add_items();
  seen.set_item_id("1200");
  seen.set_title("Aliens (1986)");
  seen.set_score(3);
  return explanation;
}

TEST(ExplainedItemsTest, ShowsTheLargestPartsAndTheRestAddsUp) {
  const std::string text = ExplainedItems(ExampleExplanation(), {"1200"}, 2).Render(0, false);
  EXPECT_THAT(text, AllOf(HasSubstr("Alien (1979)"), HasSubstr("-5.00"), HasSubstr("#11"),
                          HasSubstr("+4.50"), HasSubstr("0.92 ✓"), HasSubstr("#7 horror, 1980s")));
  // 10.5 - (-5) - 4.5
  EXPECT_THAT(text, HasSubstr("+11.00"));
  EXPECT_LT(text.find("-5.00"), text.find("+4.50")) << text;
  EXPECT_THAT(text, Not(HasSubstr("drama")));
  EXPECT_THAT(text, Not(HasSubstr("Aliens")));
}

TEST(ActiveGroupsTest, TellsLatentsThatSayTheSameAsOne) {
  const std::string text = ActiveGroups(ExampleExplanation()).Render(0, false);
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 4U) << text;
  // As strong as the strongest of its latents.
  EXPECT_THAT(lines[1], AllOf(HasSubstr("horror, 1980s"), HasSubstr("0.92 ✓"), HasSubstr(" 6"),
                              HasSubstr("#7 #13")));
  EXPECT_THAT(lines[2], AllOf(HasSubstr("drama"), HasSubstr("0.60"), HasSubstr(" 8"),
                              HasSubstr("#9"), Not(HasSubstr("✓"))));
  EXPECT_THAT(std::vector<std::string>(absl::StrSplit(lines[3], ' ', absl::SkipEmpty())),
              ElementsAre("#11"));
}

TEST(ActiveGroupsTest, TakesNoPlaceThatIsNotThere) {
  Explanation explanation = ExampleExplanation();
  explanation.mutable_groups(0)->add_latents(4);
  explanation.mutable_groups(0)->add_latents(-1);
  const std::string text = ActiveGroups(explanation).Render(0, false);
  EXPECT_THAT(text, HasSubstr("#7 #13\n"));
  // A contribution more than there are groups.
  explanation.mutable_items(0)->add_group_contributions(9);
  EXPECT_THAT(ExplainedItems(explanation, {"1200"}, 1).Render(0, false), Not(HasSubstr("+9.00")));
}

TEST(ActiveLatentsTest, MarksOnlyVerifiedConcepts) {
  const std::string text = ActiveLatents(ExampleExplanation()).Render(0, false);
  EXPECT_THAT(text, HasSubstr("0.92 ✓"));
  EXPECT_THAT(text, HasSubstr("0.60"));
  EXPECT_THAT(text, Not(HasSubstr("0.60 ✓")));
  EXPECT_THAT(text, HasSubstr("0.70 ✓"));
  EXPECT_THAT(text, Not(HasSubstr("0.00")));
}

TEST(TitlesTest, FollowTheIds) {
  EXPECT_EQ(Titles(ExampleExplanation(), {"1200", "nowhere", "1214"}),
            "Aliens (1986) · Alien (1979)");
}

TEST(NewestTest, ComesFirst) {
  EXPECT_THAT(Newest({"a", "b", "c"}, 2), ElementsAre("c", "b"));
  EXPECT_THAT(Newest({"a"}, 5), ElementsAre("a"));
  EXPECT_THAT(Newest({}, 5), ElementsAre());
}

TEST(BeforeAfterTest, SaysWhereItemsWentAndCameFrom) {
  explainer::v1::SteerResponse response;
  const auto add = [](auto* list, const char* id, int other_rank) {
    auto& item = *list->Add();
    item.set_item_id(id);
    item.set_other_rank(other_rank);
  };
  add(response.mutable_before(), "stays", 1);
  add(response.mutable_before(), "leaves", 0);
  add(response.mutable_after(), "stays", 1);
  add(response.mutable_after(), "climbs", 40);
  add(response.mutable_after(), "appears", 0);
  const std::string text = BeforeAfter(response).Render(0, false);
  EXPECT_THAT(text, AllOf(HasSubstr("="), HasSubstr("gone"), HasSubstr("▲ 38"), HasSubstr("new"),
                          HasSubstr("appears")));
}

TEST(SpreadRowsTest, AreDifferentAndWithin) {
  EXPECT_THAT(SpreadRows(100, 3), ElementsAre(16, 50, 83));
  EXPECT_THAT(SpreadRows(2, 3), ElementsAre(0, 1));
  EXPECT_THAT(SpreadRows(0, 3), ElementsAre());
  EXPECT_THAT(SpreadRows(5, 0), ElementsAre());
}

concept_store::v1::Concept MakeConcept(int latent, const char* description, bool verified,
                                       double deviation = 1) {
  concept_store::v1::Concept value;
  value.set_latent(latent);
  value.set_description(description);
  value.mutable_tests()->set_verified(verified);
  value.mutable_statistics()->set_standard_deviation(deviation);
  return value;
}

std::vector<int> Latents(const std::vector<concept_store::v1::Concept>& concepts) {
  std::vector<int> latents;
  for (const auto& value : concepts) latents.push_back(value.latent());
  return latents;
}

TEST(ChooseSteeringTest, TakesVerifiedConceptsThatMoveMuch) {
  const Explanation explanation = ExampleExplanation();
  const std::vector<concept_store::v1::Concept> concepts = {
      MakeConcept(7, "horror, 1980s", true, 9),  // active
      MakeConcept(1, "1980s horror", true, 9),   // the same meaning
      MakeConcept(2, "western", false, 9),       // not verified
      MakeConcept(3, "musical", true, 0.1),     MakeConcept(4, "war; like drama", true, 2),
      MakeConcept(5, "noir", true, 1)};
  EXPECT_THAT(Latents(ChooseSteering(concepts, explanation, 8)), ElementsAre(4, 5, 3));
  EXPECT_THAT(Latents(ChooseSteering(concepts, explanation, 1)), ElementsAre(4));
}

TEST(ChooseSteeringTest, TakesWhatThereIs) {
  const Explanation explanation = ExampleExplanation();
  const auto verified = MakeConcept(6, "crime", true);
  const auto unverified = MakeConcept(2, "western", false);
  const auto same = MakeConcept(1, "horror", true);
  const auto choose = [&](const std::vector<concept_store::v1::Concept>& concepts) {
    return Latents(ChooseSteering(concepts, explanation, 8));
  };
  EXPECT_THAT(choose({same, unverified, verified}), ElementsAre(6));
  EXPECT_THAT(choose({same, unverified}), ElementsAre(2));
  EXPECT_THAT(choose({same}), ElementsAre(1));
  EXPECT_THAT(choose({MakeConcept(7, "horror", true)}), ElementsAre());
  EXPECT_THAT(choose({}), ElementsAre());
}

}  // namespace
}  // namespace recsae::cli
