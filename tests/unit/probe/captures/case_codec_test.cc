#include "services/probe/captures/case_codec.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace recsae::probe {
namespace {

StoredCase Full() {
  StoredCase stored;
  stored.user_id = "user 7";
  stored.history = {5, 300, 0, 2'000'000'000};
  stored.ranked = {{12, 3.5F}, {400, -0.25F}};
  stored.target = 0;
  stored.excluded = {0, 1, 127, 128, 100'000};
  return stored;
}

TEST(CaseCodecTest, KeepsEveryField) {
  EXPECT_EQ(*DecodeCase(EncodeCase(Full())), Full());
  EXPECT_EQ(*DecodeCase(EncodeCase(StoredCase())), StoredCase());
}

TEST(CaseCodecTest, IsCompact) {
  StoredCase stored;
  stored.user_id = "6040";
  for (int i = 0; i < 20; ++i) stored.history.push_back(100 * i);
  for (int i = 0; i < 160; ++i) stored.excluded.push_back(20 * i);
  EXPECT_LT(EncodeCase(stored).size(), 220U);
}

TEST(CaseCodecTest, EveryTruncationIsDataLoss) {
  const std::string bytes = EncodeCase(Full());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(Reason(DecodeCase(bytes.substr(0, size)).status()), "CASE_CORRUPT") << size;
  }
  EXPECT_EQ(Reason(DecodeCase(bytes + "x").status()), "CASE_CORRUPT");
}

TEST(CaseCodecTest, ItemsBeyondTheLargestNumberAreDataLoss) {
  const std::string most = "\xff\xff\xff\xff\x07";  // 2^31 - 1 as a varint
  const std::string more = "\x80\x80\x80\x80\x08";  // 2^31
  const auto decoded = [](const std::string& target, const std::string& excluded) {
    return DecodeCase(std::string(1, '\0') + target + std::string(2, '\0') + excluded).status();
  };
  const std::string none(1, '\0');
  EXPECT_TRUE(decoded(none, "\x01" + most).ok());
  EXPECT_EQ(Reason(decoded(none, "\x01" + more)), "CASE_CORRUPT");
  EXPECT_EQ(Reason(decoded(more, none)), "CASE_CORRUPT");
  // Stored as differences, which add up to too much.
  EXPECT_EQ(Reason(decoded(none, "\x02" + most + "\x01")), "CASE_CORRUPT");
}

}  // namespace
}  // namespace recsae::probe
