// A change happens once for a request id, as a whole or not at all.
#include "common/storage/mutation.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

namespace recsae {
namespace {

// As much of a protobuf message as Mutate needs.
struct Text {
  std::string text;
  bool ParseFromString(const std::string& bytes) {
    text = bytes;
    return bytes != "damaged";
  }
};

class MutationTest : public ::testing::Test {
 protected:
  MutationTest()
      : path_(absl::StrCat(::testing::TempDir(), "mutation-", getpid(), "-",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(path_);
    DatabaseOptions options;
    options.service = "test";
    database_ = Database::Open(path_, options).value();
    log_ = std::make_unique<RequestLog>(*database_);
  }
  ~MutationTest() override {
    log_.reset();
    database_.reset();
    std::filesystem::remove_all(path_);
  }

  absl::Status Append(const std::string& request_id, const std::string& answer, Text* response) {
    return Mutate(*log_, {"Append", request_id, answer}, response,
                  [&](Transaction& transaction) -> absl::Status {
                    response->text = answer;
                    transaction.batch().Put(kDefaultFamily, "value", Value() + answer);
                    return transaction.Commit(answer);
                  });
  }
  std::string Value() { return database_->Get(kDefaultFamily, "value").value_or(""); }

  const std::string path_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<RequestLog> log_;
  Text response_;
};

TEST_F(MutationTest, ARepeatIsAnsweredAndChangesNothing) {
  ASSERT_TRUE(Append("r", "a", &response_).ok());
  ASSERT_TRUE(Append("", "b", &response_).ok());
  Text again;
  ASSERT_TRUE(Append("r", "a", &again).ok());
  EXPECT_EQ(again.text, "a");
  EXPECT_EQ(Value(), "ab");
}

TEST_F(MutationTest, AChangeThatFailsLeavesNothingAndMayBeTriedAgain) {
  const absl::Status failed =
      Mutate(*log_, {"Append", "r", "a"}, &response_, [&](Transaction& transaction) {
        transaction.batch().Put(kDefaultFamily, "value", "half");
        return Error(absl::StatusCode::kNotFound, "NO", "no");
      });
  EXPECT_EQ(Reason(failed), "NO");
  EXPECT_EQ(Value(), "");
  ASSERT_TRUE(Append("r", "a", &response_).ok());
  EXPECT_EQ(Value(), "a");
}

TEST_F(MutationTest, AStoredAnswerThatCannotBeReadIsDataLoss) {
  ASSERT_TRUE(Append("r", "damaged", &response_).ok());
  const absl::Status status = Append("r", "damaged", &response_);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Reason(status), "STORE_CORRUPT");
}

TEST_F(MutationTest, AChangeThatForgetsToCommitIsAnError) {
  EXPECT_EQ(
      Mutate(*log_, {"Append", "r", "a"}, &response_, [](Transaction&) { return absl::OkStatus(); })
          .code(),
      absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace recsae
