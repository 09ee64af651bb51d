#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "clients/cli/parameters/page.h"

namespace recsae::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Parameters Measured() {
  Parameters parameters;
  parameters.recommender.set_name("recommenders/movies");
  parameters.sae.set_name("saes/movies");
  parameters.capture = "recommenders/movies/captures/test";
  parameters.command = "recsae report parameters --recommender movies";
  parameters.shares.users = 200;
  parameters.shares.items = 100;
  parameters.shares.everyone = 0.625;
  parameters.shares.groups = 0.25;
  parameters.shares.by_group = {{17, 0.125}, {3, 0.0625}};
  parameters.descriptions = {{17, "<b>Horror</b> | 1980s"}};
  parameters.popularity = PopularityShare{0.41, 0.02};
  return parameters;
}

TEST(ParametersPageTest, SaysWhatWasMeasuredAndByWhat) {
  const std::string text = ParametersText(Measured());
  EXPECT_THAT(text, HasSubstr("62.5 %"));
  EXPECT_THAT(text, HasSubstr("41.0 %"));
  EXPECT_THAT(text, HasSubstr("latent 3, which has no description"));
  EXPECT_THAT(text, HasSubstr("--popularity"));
  EXPECT_THAT(text, HasSubstr("Made by: recsae report parameters --recommender movies"));
  EXPECT_THAT(text, HasSubstr("Not measured yet."));
}

TEST(ParametersPageTest, ADescriptionIsNoMarkup) {
  const std::string html = ParametersHtml(Measured());
  EXPECT_THAT(html, HasSubstr("&lt;b&gt;Horror"));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
  const std::string markdown = ParametersMarkdown(Measured());
  EXPECT_THAT(markdown, Not(HasSubstr("Horror</b> | 1980s")));
}

TEST(ParametersPageTest, SaysWhatIsNotKnown) {
  Parameters parameters = Measured();
  parameters.popularity.reset();
  parameters.shares = {};
  const std::string text = ParametersText(parameters);
  EXPECT_THAT(text, HasSubstr("Not known"));
  EXPECT_THAT(text, HasSubstr("training interactions are not"));
  EXPECT_THAT(text, Not(HasSubstr("--popularity")));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
  EXPECT_FALSE(ParametersJson(parameters).contains("popularity"));
}

TEST(ParametersPageTest, GivesTheSameFiguresAsJson) {
  const auto json = ParametersJson(Measured());
  EXPECT_EQ(json["shares"]["everyone"], 0.625);
  EXPECT_EQ(json["concepts"][0]["lead_latent"], 17);
  EXPECT_EQ(json["popularity"]["control_dealt_anew"], 0.02);
}

}  // namespace
}  // namespace recsae::cli
