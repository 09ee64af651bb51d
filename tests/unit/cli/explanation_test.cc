#include "clients/cli/render/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

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
  const auto latent = [&](int number, const char* description, double confidence, bool verified) {
    auto& value = *explanation.add_latents();
    value.set_latent(number);
    value.set_activation(2);
    value.set_level(description[0] == '\0' ? 0 : 8);
    value.set_description(description);
    value.set_confidence(confidence);
    value.set_verified(verified);
  };
  latent(7, "horror, 1980s", 0.92, true);
  latent(9, "drama; like War Horse", 0.6, false);
  latent(11, "", 0, false);
  auto& item = *explanation.add_items();
  item.set_item_id("1214");
  item.set_title("Alien (1979)");
  item.set_rank(1);
  item.set_score(10);
  for (const double part : {4.0, 0.5, -5.0}) item.add_contributions(part);
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
                          HasSubstr("+4.00"), HasSubstr("0.92 ✓"), HasSubstr("#7 horror, 1980s")));
  // 10 - (-5) - 4
  EXPECT_THAT(text, HasSubstr("+11.00"));
  EXPECT_LT(text.find("-5.00"), text.find("+4.00")) << text;
  EXPECT_THAT(text, Not(HasSubstr("drama")));
  EXPECT_THAT(text, Not(HasSubstr("Aliens")));
}

TEST(ActiveLatentsTest, MarksOnlyVerifiedConcepts) {
  const std::string text = ActiveLatents(ExampleExplanation()).Render(0, false);
  EXPECT_THAT(text, HasSubstr("0.92 ✓"));
  EXPECT_THAT(text, HasSubstr("0.60"));
  EXPECT_THAT(text, Not(HasSubstr("0.60 ✓")));
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
                                       double confidence = 0.95, double deviation = 1) {
  concept_store::v1::Concept value;
  value.set_latent(latent);
  value.set_description(description);
  value.mutable_extended_score()->set_verified(verified);
  value.mutable_extended_score()->set_confidence(confidence);
  value.mutable_statistics()->set_standard_deviation(deviation);
  return value;
}

std::vector<int> Latents(const std::vector<concept_store::v1::Concept>& concepts) {
  std::vector<int> latents;
  for (const auto& value : concepts) latents.push_back(value.latent());
  return latents;
}

TEST(ChooseSteeringTest, TakesSureConceptsThatMoveMuch) {
  const Explanation explanation = ExampleExplanation();
  const std::vector<concept_store::v1::Concept> concepts = {
      MakeConcept(7, "horror, 1980s", true, 1, 9),  // active
      MakeConcept(1, "1980s horror", true, 1, 9),   // the same meaning
      MakeConcept(2, "western", false, 1, 9),       // not verified
      MakeConcept(3, "musical", true, 0.99, 0.1),
      MakeConcept(4, "war; like drama", true, 0.92, 2),
      MakeConcept(5, "noir", true, 0.91, 1),
      MakeConcept(6, "crime", true, 0.7, 9)};  // not sure
  EXPECT_THAT(Latents(ChooseSteering(concepts, explanation, 8)), ElementsAre(4, 5, 3));
  EXPECT_THAT(Latents(ChooseSteering(concepts, explanation, 1)), ElementsAre(4));
}

TEST(ChooseSteeringTest, TakesWhatThereIs) {
  const Explanation explanation = ExampleExplanation();
  const auto unsure = MakeConcept(6, "crime", true, 0.7);
  const auto unverified = MakeConcept(2, "western", false);
  const auto same = MakeConcept(1, "horror", true);
  const auto choose = [&](const std::vector<concept_store::v1::Concept>& concepts) {
    return Latents(ChooseSteering(concepts, explanation, 8));
  };
  EXPECT_THAT(choose({same, unverified, unsure}), ElementsAre(6));
  EXPECT_THAT(choose({same, unverified}), ElementsAre(2));
  EXPECT_THAT(choose({same}), ElementsAre(1));
  EXPECT_THAT(choose({MakeConcept(7, "horror", true)}), ElementsAre());
  EXPECT_THAT(choose({}), ElementsAre());
}

}  // namespace
}  // namespace recsae::cli
