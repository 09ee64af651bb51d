#include "common/storage/request_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/caller.h"
#include "common/base/status.h"

namespace recsae {
namespace {

class RequestLogTest : public ::testing::Test {
 protected:
  RequestLogTest()
      : path_(absl::StrCat(::testing::TempDir(), "request-log-", getpid(), "-",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    Reopen();
  }
  ~RequestLogTest() override {
    log_.reset();
    database_.reset();
    std::filesystem::remove_all(path_);
  }

  void Reopen(absl::Duration keep = absl::Hours(1)) {
    log_.reset();
    database_.reset();
    DatabaseOptions options;
    options.service = "test";
    database_ = Database::Open(path_, options).value();
    log_ = std::make_unique<RequestLog>(*database_, keep);
  }

  // Counts up as a service would: once for each request_id.
  absl::StatusOr<std::string> Increment(const std::string& request_id,
                                        const std::string& request = "+1",
                                        const std::string& method = "Increment") {
    RECSAE_ASSIGN_OR_RETURN(const RequestTicket ticket, log_->Begin(method, request_id, request));
    if (ticket.replay().has_value()) return *ticket.replay();
    const std::string value = Value() + "I";
    WriteBatch batch = database_->NewBatch();
    batch.Put(kDefaultFamily, "counter", value);
    ticket.Record(batch, value);
    RECSAE_RETURN_IF_ERROR(database_->Write(std::move(batch)));
    return value;
  }
  std::string Value() { return database_->Get(kDefaultFamily, "counter").value_or(""); }

  const std::string path_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<RequestLog> log_;
};

TEST_F(RequestLogTest, ReplayReturnsTheFirstResponseAndWritesNothing) {
  EXPECT_EQ(*Increment("r1"), "I");
  EXPECT_EQ(*Increment("r2"), "II");
  EXPECT_EQ(*Increment("r1"), "I");
  Reopen();
  EXPECT_EQ(*Increment("r1"), "I");
  EXPECT_EQ(Value(), "II");
}

TEST_F(RequestLogTest, WithoutAnIdEveryRequestIsNew) {
  EXPECT_EQ(*Increment(""), "I");
  EXPECT_EQ(*Increment(""), "II");
}

TEST_F(RequestLogTest, IdsOfOtherMethodsAreOtherIds) {
  EXPECT_EQ(*Increment("r", "+1", "A"), "I");
  EXPECT_EQ(*Increment("r", "+1", "B"), "II");
}

TEST_F(RequestLogTest, AnotherRequestUnderTheSameIdIsRefused) {
  ASSERT_TRUE(Increment("r", "+1").ok());
  const auto reused = Increment("r", "+2");
  EXPECT_EQ(reused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(reused.status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(Value(), "I");
  EXPECT_EQ(*Increment("r", "+1"), "I");
}

TEST_F(RequestLogTest, InvalidIdsAreRefused) {
  for (const std::string& id :
       {std::string(129, 'a'), std::string("a\n"), std::string("\xc3\xa9")}) {
    EXPECT_EQ(Reason(Increment(id).status()), "REQUEST_ID_INVALID");
  }
  EXPECT_TRUE(Increment(std::string(128, 'a')).ok());
}

TEST_F(RequestLogTest, AFailedAttemptDoesNotCount) {
  { ASSERT_TRUE(log_->Begin("Increment", "r", "+1").ok()); }
  EXPECT_EQ(*Increment("r"), "I");
}

TEST_F(RequestLogTest, OldRecordsAreForgotten) {
  ASSERT_TRUE(Increment("r").ok());
  Reopen(-absl::Hours(1));  // Everything written up to an hour from now is too old.
  EXPECT_EQ(*Increment("r"), "II");
}

TEST_F(RequestLogTest, OldRecordsLeaveTheLogAFewWithEachWrite) {
  const auto records = [&] {
    int count = 0;
    for (auto scan = database_->Scan(kRequestFamily, ""); scan->Valid(); scan->Next()) ++count;
    return count;
  };
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Increment(absl::StrCat("old", i)).ok());
  Reopen();
  ASSERT_TRUE(Increment("young").ok());
  EXPECT_EQ(records(), 101);  // None was old.
  Reopen(-absl::Hours(1));
  ASSERT_TRUE(Increment("first").ok());
  EXPECT_LT(records(), 101);
  EXPECT_GT(records(), 80);  // A write is no place to clean up a thousand.
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Increment(absl::StrCat("next", i)).ok());
  EXPECT_LT(records(), 30);
}

TEST_F(RequestLogTest, LargeOldRecordsAreLookedAtOneByOne) {
  for (const char* id : {"a", "b"}) {
    const RequestTicket ticket = log_->Begin("Increment", id, "+1").value();
    WriteBatch batch = database_->NewBatch();
    ticket.Record(batch, std::string(1 << 20, 'x'));
    ASSERT_TRUE(database_->Write(std::move(batch)).ok());
  }
  Reopen(-absl::Hours(1));
  ASSERT_TRUE(Increment("new").ok());
  EXPECT_FALSE(database_->Get(kRequestFamily, std::string("Increment\0a", 11)).ok());
  EXPECT_TRUE(database_->Get(kRequestFamily, std::string("Increment\0b", 11)).ok());
}

TEST_F(RequestLogTest, AnOldRecordThatAnotherRequestHoldsIsLeftToIt) {
  ASSERT_TRUE(Increment("r").ok());
  Reopen(-absl::Hours(1));
  const RequestTicket again = log_->Begin("Increment", "r", "+1").value();
  ASSERT_TRUE(Increment("other").ok());
  EXPECT_TRUE(database_->Get(kRequestFamily, std::string("Increment\0r", 11)).ok());
}

TEST_F(RequestLogTest, ARetryWaitsOnlyAsLongAsItsCallerDoes) {
  const RequestTicket first = log_->Begin("Increment", "r", "+1").value();
  int asked = 0;
  const auto alive = [&] {
    return ++asked < 3 ? absl::OkStatus() : absl::DeadlineExceededError("time is up");
  };
  const CallerScope caller(alive);
  EXPECT_EQ(Increment("r").status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(asked, 3);
  EXPECT_TRUE(Increment("other").ok());
  EXPECT_EQ(asked, 3);  // Who need not wait is not asked.
}

TEST_F(RequestLogTest, ARetryWaitsForItsFirstAttempt) {
  std::optional<RequestTicket> first = log_->Begin("Increment", "r", "+1").value();
  std::promise<void> started;
  auto retry = std::async(std::launch::async, [&] {
    started.set_value();
    return Increment("r");
  });
  started.get_future().wait();
  // Other ids pass meanwhile.
  EXPECT_EQ(*Increment("other"), "I");
  WriteBatch batch = database_->NewBatch();
  first->Record(batch, "first response");
  ASSERT_TRUE(database_->Write(std::move(batch)).ok());
  first.reset();
  EXPECT_EQ(*retry.get(), "first response");
  EXPECT_EQ(Value(), "I");
}

}  // namespace
}  // namespace recsae
