#include "common/base/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/status.h"
#include "common/budget/paging.h"

namespace recsae {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Names, IdsFollowTheSyntax) {
  for (const std::string& id :
       {std::string("a"), std::string("0"), std::string("ml-1m_v2.x"), std::string(63, 'z')}) {
    EXPECT_TRUE(ValidateId(id, "sae_id").ok()) << id;
  }
  for (const std::string& id :
       {std::string(), std::string("-a"), std::string(".a"), std::string("A"), std::string("a/b"),
        std::string("a b"), std::string("a\0b", 3), std::string("\u00e9"), std::string(64, 'z')}) {
    const absl::Status status = ValidateId(id, "sae_id");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << id;
    EXPECT_EQ(Reason(status), "RESOURCE_ID_INVALID");
    EXPECT_THAT(std::string(status.message()), HasSubstr("sae_id"));
  }
}

TEST(Names, ParseGivesTheIdsInOrder) {
  EXPECT_THAT(*ParseName("saes/ml/concepts/7", "saes/{sae}/concepts/{latent}"),
              ElementsAre("ml", "7"));
  EXPECT_THAT(*ParseName("jobs/train-sae-1", "jobs/{job}"), ElementsAre("train-sae-1"));
}

TEST(Names, OtherFormsAreRefused) {
  for (const char* name : {"", "saes", "saes/", "saes/ml", "saes/ml/concepts", "saes/ml/concepts/",
                           "saes/ml/concepts/7/", "/saes/ml/concepts/7", "jobs/ml/concepts/7",
                           "saes/ML/concepts/7", "saes//concepts/7", "saes/ml/concepts/7/8"}) {
    const auto ids = ParseName(name, "saes/{sae}/concepts/{latent}");
    EXPECT_EQ(ids.status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(Reason(ids.status()), "RESOURCE_NAME_INVALID");
    EXPECT_THAT(std::string(ids.status().message()), HasSubstr("saes/{sae}/concepts/{latent}"));
  }
}

TEST(Names, NumericIds) {
  EXPECT_EQ(*ParseNumericId("0", "latent"), 0);
  EXPECT_EQ(*ParseNumericId("1023", "latent"), 1023);
  for (const char* id : {"", "-1", "+1", "01", "1.0", "x", "99999999999999999999"}) {
    EXPECT_EQ(Reason(ParseNumericId(id, "latent").status()), "RESOURCE_NAME_INVALID") << id;
  }
}

TEST(Names, FingerprintIsTheSameInEveryProcess) {
  // Test vectors of FNV-1a, 64 bits.
  EXPECT_EQ(Fingerprint(""), 0xcbf29ce484222325u);
  EXPECT_EQ(Fingerprint("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(Fingerprint("foobar"), 0x85944171f73967e8u);
}

TEST(Paging, SizesFollowTheRules) {
  const PageLimits limits = {.default_size = 20, .max_size = 100};
  EXPECT_EQ(ReadPage(0, "", "f", limits)->size, 20);
  EXPECT_EQ(ReadPage(7, "", "f", limits)->size, 7);
  EXPECT_EQ(ReadPage(101, "", "f", limits)->size, 100);
  EXPECT_EQ(ReadPage(0, "", "f", limits)->position, "");
  const auto negative = ReadPage(-1, "", "f", limits);
  EXPECT_EQ(negative.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(negative.status()), "PAGE_SIZE_INVALID");
}

TEST(Paging, TokenLeadsBackToItsPosition) {
  const std::string position("saes/ml\0\xff/7", 11);
  const std::string token = MakePageToken(position, "order=name");
  EXPECT_EQ(ReadPage(10, token, "order=name")->position, position);
}

TEST(Paging, TokensOfOthersAreRefused) {
  const std::string token = MakePageToken("42", "kind=a");
  std::string changed = token;
  changed.back() = changed.back() == 'A' ? 'B' : 'A';
  for (const std::string& bad : {MakePageToken("42", "kind=b"), MakePageToken("42", ""), changed,
                                 token.substr(1), std::string("no token!"), std::string("AAAA")}) {
    const auto page = ReadPage(0, bad, "kind=a");
    EXPECT_EQ(page.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_EQ(Reason(page.status()), "PAGE_TOKEN_INVALID") << bad;
  }
}

}  // namespace
}  // namespace recsae
