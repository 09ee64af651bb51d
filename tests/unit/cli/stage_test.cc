#include "clients/cli/jobs/stage.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "tests/unit/cli/jobs_server.h"

namespace recsae::cli {
namespace {

using jobs::v1::Job;

// A stage whose jobs run on `server`, and how often one was run.
class StageTest : public testing::Test {
 protected:
  StageTest()
      : server_([this](JobContext&) {
          ++runs_;
          return fail_ ? Error(absl::StatusCode::kInternal, "BROKEN", "broken") : absl::OkStatus();
        }) {}

  absl::StatusOr<Job> Run(bool usable = true) {
    Session session(server_.options());
    Stage stage;
    stage.title = "working";
    stage.kind = "test";
    stage.jobs = &session.probe_jobs();
    stage.request_id = [](int attempt) { return absl::StrCat("stage-", attempt); };
    stage.start = [this](const std::string& request_id) { return server_.Submit(request_id); };
    stage.usable = [usable](const Job&) { return usable; };
    return RunStage(session, stage, /*detach=*/false);
  }

  std::atomic<int> runs_ = 0;
  std::atomic<bool> fail_ = false;
  JobsServer server_;
};

TEST_F(StageTest, RunsTheJobOnce) {
  const auto first = Run();
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = Run();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->name(), first->name());
  EXPECT_EQ(runs_, 1);
}

TEST_F(StageTest, RunsAgainWhenTheProductIsGone) {
  ASSERT_TRUE(Run().ok());
  const auto second = Run(/*usable=*/false);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(runs_, 2);
}

TEST_F(StageTest, ReportsAFailureOnceAndTriesAgainInTheNextRun) {
  fail_ = true;
  EXPECT_EQ(Reason(Run().status()), "BROKEN");
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(Reason(Run().status()), "BROKEN");
  EXPECT_EQ(runs_, 2);
  fail_ = false;
  EXPECT_TRUE(Run().ok());
  EXPECT_EQ(runs_, 3);
}

TEST_F(StageTest, RunsAgainWhenTheRecordWasDeleted) {
  const auto first = Run();
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(server_.runner().Delete(first->name()).ok());
  const auto second = Run();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(second->name(), first->name());
  EXPECT_EQ(runs_, 2);
}

}  // namespace
}  // namespace recsae::cli
