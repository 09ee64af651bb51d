#include "clients/cli/text/resource.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recsae::cli {
namespace {

using testing::HasSubstr;

TEST(FullNameTest, TakesShortAndWholeNames) {
  EXPECT_EQ(FullName("ml-1m", kSaePattern).value(), "saes/ml-1m");
  EXPECT_EQ(FullName("saes/ml-1m", kSaePattern).value(), "saes/ml-1m");
  EXPECT_EQ(FullName("ml-1m/test", kCapturePattern).value(), "recommenders/ml-1m/captures/test");
  EXPECT_EQ(FullName("recommenders/a/captures/b", kCapturePattern).value(),
            "recommenders/a/captures/b");
  EXPECT_EQ(FullName("ml-1m/17", kConceptPattern).value(), "saes/ml-1m/concepts/17");
  EXPECT_EQ(FullName(" ml-1m/ ", kSaePattern).value(), "saes/ml-1m");
  EXPECT_EQ(FullName("ml-1m/test/", kCapturePattern).value(), "recommenders/ml-1m/captures/test");
  EXPECT_EQ(FullName("saes/17", kConceptPattern).value(), "saes/saes/concepts/17");
}

TEST(CaptureNameTest, AnIdAloneIsOfTheRecommender) {
  EXPECT_EQ(CaptureName("test", "recommenders/ml-1m").value(), "recommenders/ml-1m/captures/test");
  for (const char* whole : {"other/test", "recommenders/other/captures/test"}) {
    EXPECT_EQ(CaptureName(whole, "recommenders/ml-1m").value(), "recommenders/other/captures/test");
  }
  EXPECT_FALSE(CaptureName("Not An Id", "recommenders/ml-1m").ok());
}

TEST(FullNameTest, RefusesWhatIsNeither) {
  for (const char* text : {"", "a/b", "catalogs/a", "saes/", "Upper", "saes/a/concepts/1"}) {
    const auto name = FullName(text, kSaePattern);
    EXPECT_TRUE(absl::IsInvalidArgument(name.status())) << text;
    EXPECT_THAT(std::string(name.status().message()), HasSubstr("{sae} or saes/{sae}")) << text;
  }
  EXPECT_FALSE(FullName("test", kCapturePattern).ok());
  EXPECT_FALSE(FullName("a/b/c", kCapturePattern).ok());
}

TEST(ShortNameTest, IsTheInverse) {
  EXPECT_EQ(ShortName("saes/ml-1m"), "ml-1m");
  EXPECT_EQ(ShortName("recommenders/a/captures/b"), "a/b");
  EXPECT_EQ(ShortName("saes/a/concepts/17"), "a/17");
  EXPECT_EQ(ShortName("ml-1m"), "ml-1m");
  EXPECT_EQ(ShortName(""), "");
}

TEST(PartsTest, OfNames) {
  EXPECT_EQ(LastId("recommenders/a/captures/b"), "b");
  EXPECT_EQ(LastId("b"), "b");
  EXPECT_EQ(RecommenderOf("recommenders/a/captures/b"), "recommenders/a");
}

}  // namespace
}  // namespace recsae::cli
