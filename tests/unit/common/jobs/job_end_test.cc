// The end of a job on a disk that is full, and what the log says of jobs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <rocksdb/env.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/trace.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/metrics.h"
#include "common/rpc/spans.h"
#include "common/storage/disk_floor.h"
#include "tests/support/small_disk_fs.h"
#include "tests/unit/common/jobs/full_disk.h"
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
  JobEndTest() : JobFixture(/*open=*/false), env_(rocksdb::NewCompositeEnv(disk_)) {
    options_.environment.env = env_.get();
    options_.store_retry = absl::Milliseconds(10);
    Open();
    Register();
  }
  ~JobEndTest() override {
    disk_->Free();
    runner_.reset();
  }

  // "publish" is done just when the disk gets full.
  void Register() {
    runner_->Register("publish", [this](JobContext& context) {
      published_.push_back(context.name());
      if (context.resumes() == 0) disk_->Fill();
      return context.spec();
    });
  }
  void WaitUntilRefused() {
    while (disk_->refused() == 0) std::this_thread::yield();
  }

  const std::shared_ptr<FullDisk> disk_ = std::make_shared<FullDisk>();
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

  disk_->Free();
  WaitFor(name, Job::STATE_SUCCEEDED);
  EXPECT_THAT(published_, ElementsAre(name));
  ASSERT_TRUE(runner_->Stop(absl::Seconds(20)).ok());  // After it the log says no more.
  const auto lines = log.Take("the state of a job cannot be stored");
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines[0]["severity"], "ERROR");
  EXPECT_EQ(lines[0]["job"], name);
  EXPECT_EQ(lines[0]["reason"], "STORE_FULL");
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
  disk_->Free();
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
  disk_->Fill();
  Start();
  WaitUntilRefused();
  EXPECT_EQ(runner_->Get(name)->state(), Job::STATE_PENDING);
  disk_->Free();
  WaitFor(name, Job::STATE_SUCCEEDED);
}

// Below the floor of the disk there is room for what ends, and for nothing that begins.
class JobFloorTest : public JobFixture {
 protected:
  JobFloorTest() : JobFixture(/*open=*/false), env_(rocksdb::NewCompositeEnv(disk_)) {
    options_.environment.env = env_.get();
    options_.environment.floor = &floor_;
    Open();
  }
  ~JobFloorTest() override { runner_.reset(); }

  void SetFree(uint64_t bytes) {
    disk_->SetForeign(kDisk - bytes);
    floor_.Forget();
  }

  static constexpr uint64_t kDisk = uint64_t{1} << 30;
  static constexpr int64_t kFloor = int64_t{256} << 20;
  const std::shared_ptr<SmallDiskFileSystem> disk_ = std::make_shared<SmallDiskFileSystem>(kDisk);
  const std::unique_ptr<rocksdb::Env> env_;
  DiskFloor floor_{{.path = path_, .floor_bytes = kFloor, .env = env_.get()}};
};

TEST_F(JobFloorTest, JobsEndAndAreCancelledAndDeletedAndNoneIsTaken) {
  std::atomic<bool> full = false;
  runner_->Register("save", [&](JobContext& context) -> absl::StatusOr<Any> {
    while (!full) {
      if (absl::Status status = context.Sleep(absl::Milliseconds(5)); !status.ok()) return status;
    }
    if (absl::Status status = context.SaveCheckpoint(std::string(10'000, 'x')); !status.ok()) {
      return status;
    }
    return context.spec();
  });
  Start();
  const std::string saving = Submit("save");
  const std::string pending = Submit("wait");
  WaitFor(saving, Job::STATE_RUNNING);
  SetFree(kFloor / 2);
  EXPECT_EQ(Reason(runner_->Submit("echo", {}, Pack(""), "").status()), "STORE_FULL");
  full = true;
  const Job failed = WaitFor(saving, Job::STATE_FAILED);
  EXPECT_EQ(Reason(FromRpcStatus(failed.error())), "STORE_FULL");
  WaitFor(pending, Job::STATE_RUNNING);
  EXPECT_TRUE(runner_->Cancel(pending).ok());
  WaitFor(pending, Job::STATE_CANCELLED);
  EXPECT_TRUE(runner_->Delete(pending).ok());
  SetFree(2 * kFloor);
  WaitFor(Submit("echo"), Job::STATE_SUCCEEDED);
  // All of it is what the disk holds.
  Open();
  EXPECT_EQ(runner_->Get(saving)->state(), Job::STATE_FAILED);
  EXPECT_EQ(Reason(runner_->Get(pending).status()), "JOB_NOT_FOUND");
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
  EXPECT_GE(started[0]["queue_seconds"], 0);
  EXPECT_EQ(started[0]["resumes"], 0);
  EXPECT_FALSE(started[0].contains("trace_id"));
  const auto ended = log.Take("job ended");
  ASSERT_EQ(ended.size(), 3u);
  EXPECT_EQ(ended[0]["job"], done);
  EXPECT_EQ(ended[0]["state"], "SUCCEEDED");
  EXPECT_GE(ended[0]["seconds"], 0);
  EXPECT_GE(ended[0]["queue_seconds"], 0);
  EXPECT_EQ(ended[0]["code"], "OK");
  EXPECT_EQ(ended[1]["job"], failed);
  EXPECT_EQ(ended[1]["severity"], "WARNING");
  EXPECT_EQ(ended[1]["state"], "FAILED");
  EXPECT_EQ(ended[1]["code"], "UNAVAILABLE");
  EXPECT_EQ(ended[1]["reason"], "PEER_DOWN");
  EXPECT_EQ(ended[2]["job"], pending);
  EXPECT_EQ(ended[2]["state"], "CANCELLED");
  const auto paused = log.Take("job paused");
  ASSERT_EQ(paused.size(), 1u);
  EXPECT_EQ(paused[0]["job"], running);
}

// A job is part of the trace of the call that submitted it, also after a restart.
class JobTraceTest : public JobEndTest {
 protected:
  static constexpr char kParent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  // "traced" keeps what it is part of.
  void RegisterTraced() {
    runner_->Register("traced", [this](JobContext& context) -> absl::StatusOr<Any> {
      seen_.push_back(CurrentTrace());
      if (context.resumes() == 0) RECSAE_RETURN_IF_ERROR(context.Sleep(absl::Hours(1)));
      return context.spec();
    });
  }
  std::string SubmitTraced() {
    const TraceScope scope(ParseTraceParent(kParent));
    return Submit("traced");
  }
  // Stopped in the middle and taken up again.
  Job RunOverARestart(const std::string& name) {
    Start();
    WaitFor(name, Job::STATE_RUNNING);
    while (runner_->Stop(absl::Seconds(20)).ok() && seen_.empty()) std::this_thread::yield();
    Open();
    RegisterTraced();
    Start();
    const Job job = WaitFor(name, Job::STATE_SUCCEEDED);
    EXPECT_TRUE(runner_->Stop(absl::Seconds(20)).ok());
    return job;
  }

  std::vector<std::optional<TraceContext>> seen_;  // No lock: one worker.
};

TEST_F(JobTraceTest, GoesWithTheJobAndIntoItsLines) {
  RegisterTraced();
  const std::string name = SubmitTraced();
  CapturedLog log;
  const Job job = RunOverARestart(name);
  EXPECT_EQ(job.trace_parent(), kParent);
  EXPECT_THAT(seen_, ElementsAre(ParseTraceParent(kParent), ParseTraceParent(kParent)));
  for (const char* message : {"job started", "job paused", "job ended"}) {
    for (const auto& line : log.Take(message)) {
      EXPECT_EQ(line["trace_id"], "0af7651916cd43dd8448eb211c80319c") << message;
      EXPECT_EQ(line["span_id"], "b7ad6b7169203331") << message;
    }
  }
}

TEST_F(JobTraceTest, HasOneSpanWhereSpansAreTaken) {
  struct Spans final : SpanReceiver {
    Spans() { SetSpanReceiver(this); }
    ~Spans() override { SetSpanReceiver(nullptr); }
    void Take(Span span) noexcept override { spans.push_back(std::move(span)); }
    std::vector<Span> spans;  // No lock: one worker.
  } receiver;
  RegisterTraced();
  const Job job = RunOverARestart(SubmitTraced());
  ASSERT_EQ(receiver.spans.size(), 1u);
  const Span& span = receiver.spans[0];
  EXPECT_EQ(TraceIdText(span.context), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(SpanIdText(span.parent_id), "b7ad6b7169203331");
  EXPECT_EQ(span.name, "traced");
  EXPECT_FALSE(span.failed);
  EXPECT_EQ(absl::ToUnixSeconds(span.start), job.start_time().seconds());
  EXPECT_EQ(absl::ToUnixSeconds(span.end), job.end_time().seconds());
  // What it did before the restart and after it is below the same span.
  EXPECT_THAT(seen_, ElementsAre(span.context, span.context));
}

// Of the counter with these labels; -1 if there is none.
double Value(const prometheus::MetricFamily& family, const Labels& labels) {
  for (const prometheus::ClientMetric& metric : family.metric) {
    Labels own;
    for (const auto& label : metric.label) own[label.name] = label.value;
    if (own == labels) return metric.counter.value;
  }
  return -1;
}

TEST_F(JobEndTest, JobsAreCountedByHowTheyEnd) {
  MetricsRegistry metrics;
  options_.metrics = &metrics;
  Open();
  Register();
  runner_->Register("fail", [](JobContext&) -> absl::StatusOr<Any> {
    return Error(absl::StatusCode::kUnavailable, "PEER_DOWN", "probe is down");
  });
  const auto finished = [&metrics](const char* kind, const char* state) {
    for (const prometheus::MetricFamily& family : metrics.Collect()) {
      if (family.name == "recsae_jobs_finished_total") {
        return Value(family, {{"kind", kind}, {"state", state}});
      }
    }
    return -1.0;
  };
  EXPECT_EQ(finished("echo", "failed"), 0);  // There before the first one.
  Start();
  WaitFor(Submit("echo"), Job::STATE_SUCCEEDED);
  WaitFor(Submit("fail"), Job::STATE_FAILED);
  const std::string running = Submit("wait"), pending = Submit("echo");
  WaitFor(running, Job::STATE_RUNNING);
  EXPECT_GT(runner_->Unfinished().at("echo").oldest_pending, absl::ZeroDuration());
  ASSERT_TRUE(runner_->Cancel(pending).ok());
  ASSERT_TRUE(runner_->Stop(absl::Seconds(20)).ok());
  EXPECT_EQ(finished("echo", "succeeded"), 1);
  EXPECT_EQ(finished("echo", "cancelled"), 1);
  EXPECT_EQ(finished("fail", "failed"), 1);
  EXPECT_EQ(finished("wait", "cancelled"), 0);
  int series = 0;
  for (const prometheus::MetricFamily& family : metrics.Collect()) {
    if (family.name != "recsae_job_seconds") continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      EXPECT_EQ(metric.histogram.sample_count, 1u);
      ++series;
    }
  }
  EXPECT_EQ(series, 2);  // One that never ran has no duration.
  runner_.reset();       // Ends before its metrics.
}

}  // namespace
}  // namespace recsae
