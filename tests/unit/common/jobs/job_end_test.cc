// The end of a job on a disk that refuses writes, and what the log says of jobs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "tests/unit/common/jobs/failing_fs.h"
#include "tests/unit/common/jobs/job_fixture.h"

namespace recsae {
namespace {

using google::protobuf::Any;
using jobs::v1::Job;
using ::testing::ElementsAre;

// The log lines with this message, from now until it is asked.
class CapturedLog {
 public:
  CapturedLog() { ::testing::internal::CaptureStderr(); }
  std::vector<nlohmann::json> Take(const std::string& message) {
    if (text_.empty()) text_ = ::testing::internal::GetCapturedStderr();
    std::vector<nlohmann::json> lines;
    for (const absl::string_view text : absl::StrSplit(text_, '\n', absl::SkipEmpty())) {
      nlohmann::json line = nlohmann::json::parse(std::string(text));
      if (line["message"] == message) lines.push_back(std::move(line));
    }
    return lines;
  }

 private:
  std::string text_;
};

class JobEndTest : public JobFixture {
 protected:
  JobEndTest() : JobFixture(/*open=*/false), env_(rocksdb::NewCompositeEnv(files_)) {
    options_.environment.env = env_.get();
    options_.store_retry = absl::Milliseconds(10);
    Open();
    Register();
  }
  ~JobEndTest() override {
    files_->Fail(false);
    runner_.reset();
  }

  // "publish" is done just when the disk begins to refuse.
  void Register() {
    runner_->Register("publish", [this](JobContext& context) {
      published_.push_back(context.name());
      files_->Fail(context.resumes() == 0);
      return context.spec();
    });
  }
  void WaitUntilRefused() {
    while (files_->refused() == 0) std::this_thread::yield();
  }

  const std::shared_ptr<FailingFileSystem> files_ = std::make_shared<FailingFileSystem>();
  const std::unique_ptr<rocksdb::Env> env_;
  std::vector<std::string> published_;  // No lock: one worker.
};

TEST_F(JobEndTest, NobodyIsToldOfAnEndThatIsNotStored) {
  CapturedLog log;
  Start();
  const std::string name = Submit("publish");
  WaitUntilRefused();
  // It was refused at least once, and is RUNNING for everybody.
  EXPECT_EQ(runner_->Get(name)->state(), Job::STATE_RUNNING);
  Job seen;
  ASSERT_TRUE(runner_->Watch(name, 0, absl::ZeroDuration(), &seen).ok());
  EXPECT_EQ(seen.state(), Job::STATE_RUNNING);
  EXPECT_FALSE(runner_->Submit("echo", {}, Any(), "").ok());
  EXPECT_FALSE(runner_->Cancel(name).ok());

  files_->Fail(false);
  WaitFor(name, Job::STATE_SUCCEEDED);
  EXPECT_THAT(published_, ElementsAre(name));
  const auto lines = log.Take("the state of a job cannot be stored");
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0]["severity"], "ERROR");
  EXPECT_EQ(lines[0]["job"], name);
  EXPECT_EQ(lines[0]["reason"], "STORE_ERROR");
  EXPECT_THAT(log.Take("job ended"), ::testing::SizeIs(1));

  // And it is what the disk holds.
  Open();
  EXPECT_EQ(runner_->Get(name)->state(), Job::STATE_SUCCEEDED);
}

TEST_F(JobEndTest, AnEndThatIsNeverStoredComesAgainAfterARestart) {
  Start();
  const std::string name = Submit("publish");
  WaitUntilRefused();
  ASSERT_TRUE(runner_->Stop(absl::Seconds(20)).ok());
  Job job;
  EXPECT_EQ(Reason(runner_->Watch(name, 2, absl::ZeroDuration(), &job).status()),
            "SERVER_DRAINING");
  files_->Fail(false);
  Open();
  Register();
  EXPECT_EQ(runner_->Get(name)->state(), Job::STATE_RUNNING);
  Start();
  EXPECT_EQ(WaitFor(name, Job::STATE_SUCCEEDED).resume_count(), 1);
  // Under the same name, by which the store knows the repetition.
  EXPECT_THAT(published_, ElementsAre(name, name));
}

TEST_F(JobEndTest, AJobBeginsWhenThatIsStored) {
  const std::string name = Submit("echo");
  files_->Fail(true);
  Start();
  WaitUntilRefused();
  EXPECT_EQ(runner_->Get(name)->state(), Job::STATE_PENDING);
  files_->Fail(false);
  WaitFor(name, Job::STATE_SUCCEEDED);
}

TEST_F(JobEndTest, OneLineForEachStartAndEachEnd) {
  runner_->Register("fail", [](JobContext&) -> absl::StatusOr<Any> {
    return Error(absl::StatusCode::kUnavailable, "PEER_DOWN", "probe is down");
  });
  CapturedLog log;
  Start();
  const std::string done = Submit("echo", "", "saes/x");
  WaitFor(done, Job::STATE_SUCCEEDED);
  const std::string failed = Submit("fail");
  WaitFor(failed, Job::STATE_FAILED);
  const std::string running = Submit("wait");
  WaitFor(running, Job::STATE_RUNNING);
  const std::string pending = Submit("echo");
  ASSERT_TRUE(runner_->Cancel(pending).ok());
  ASSERT_TRUE(runner_->Stop(absl::Seconds(20)).ok());

  const auto started = log.Take("job started");
  ASSERT_EQ(started.size(), 3u);
  EXPECT_EQ(started[0]["job"], done);
  EXPECT_EQ(started[0]["kind"], "echo");
  EXPECT_EQ(started[0]["target"], "saes/x");
  const auto ended = log.Take("job ended");
  ASSERT_EQ(ended.size(), 3u);
  EXPECT_EQ(ended[0]["job"], done);
  EXPECT_EQ(ended[0]["state"], "SUCCEEDED");
  EXPECT_GE(ended[0]["seconds"], 0);
  EXPECT_EQ(ended[1]["job"], failed);
  EXPECT_EQ(ended[1]["severity"], "WARNING");
  EXPECT_EQ(ended[1]["state"], "FAILED");
  EXPECT_EQ(ended[1]["reason"], "PEER_DOWN");
  EXPECT_EQ(ended[2]["job"], pending);
  EXPECT_EQ(ended[2]["state"], "CANCELLED");
  const auto paused = log.Take("job paused");
  ASSERT_EQ(paused.size(), 1u);
  EXPECT_EQ(paused[0]["job"], running);
}

}  // namespace
}  // namespace recsae
