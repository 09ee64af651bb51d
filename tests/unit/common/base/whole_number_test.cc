#include "common/base/whole_number.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace recsae {
namespace {

using nlohmann::json;

template <class Integer>
std::optional<Integer> Parsed(const std::string& text) {
  return WholeNumber<Integer>(json::parse(text));
}

TEST(WholeNumber, IsReadWhereItFits) {
  EXPECT_EQ(Parsed<int>("7"), 7);
  EXPECT_EQ(Parsed<int>("-7"), -7);
  EXPECT_EQ(Parsed<int>("2147483647"), 2147483647);
  EXPECT_EQ(Parsed<uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(Parsed<int64_t>("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(WholeNumber<int>(json(7)), 7) << "set, not parsed: signed";
}

TEST(WholeNumber, IsNothingWhereItWouldBecomeAnother) {
  EXPECT_FALSE(Parsed<int>("2147483648"));
  EXPECT_FALSE(Parsed<int>("4294967297")) << "cut off it would be 1";
  EXPECT_FALSE(Parsed<uint32_t>("-1"));
  EXPECT_FALSE(Parsed<int64_t>("9223372036854775808"));
  EXPECT_FALSE(Parsed<uint64_t>("18446744073709551616")) << "beyond 64 bits: a double";
}

TEST(WholeNumber, IsNoneOfAnotherKind) {
  for (const char* text : {"1e21", "7.5", "7.0", "\"7\"", "true", "null", "[7]", "{}"}) {
    EXPECT_FALSE(Parsed<int64_t>(text)) << text;
  }
}

TEST(WholeNumber, RequiredSaysWhatStandsThere) {
  EXPECT_EQ(RequiredWholeNumber<int>(json(7)), 7);
  try {
    RequiredWholeNumber<int>(json::parse("1e21"));
    FAIL() << "1e21 was read";
  } catch (const std::out_of_range& thrown) {
    EXPECT_NE(std::string(thrown.what()).find("1e+21"), std::string::npos) << thrown.what();
  }
}

}  // namespace
}  // namespace recsae
