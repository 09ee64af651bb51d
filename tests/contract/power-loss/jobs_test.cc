// The jobs of trainer, explainer and probe: an acknowledged job is there and runs to its end, a
// checkpoint is there or a later one, an end that was told stays the end.
#include <google/protobuf/any.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/jobs/job_store.h"
#include "common/rpc/log.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "tests/contract/power-loss/power_loss.h"

namespace recsae {
namespace {

using google::protobuf::Any;
using jobs::v1::Job;

Any Pack(const std::string& text) {
  google::protobuf::StringValue value;
  value.set_value(text);
  Any any;
  any.PackFrom(value);
  return any;
}

class JobsSubject : public Subject {
 public:
  // A kind of job of the service, and whether it saves checkpoints.
  JobsSubject(std::string service, std::string kind, bool checkpoints)
      : service_(std::move(service)), kind_(std::move(kind)), checkpoints_(checkpoints) {}

  absl::Status Open(const std::string& directory, const Environment& environment) override {
    JobRunnerOptions options;
    options.service = service_;
    options.environment = environment;
    options.workers = 2;
    options.max_crashes = 1 << 20;
    options.store_retry = absl::Milliseconds(5);
    SetLogLevel(Severity::kError);
    RECSAE_ASSIGN_OR_RETURN(runner_, JobRunner::Open(directory, options));
    runner_->Register(kind_, [this](JobContext& context) { return Run(context); });
    return runner_->Start();
  }
  void Close() override { runner_.reset(); }

  void Work(Random& random, const std::function<bool()>& counts) override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      counts_ = counts;
    }
    const std::string request_id = absl::StrCat("request ", ++requests_);
    const auto job = runner_->Submit(kind_, {}, Pack(request_id), request_id);
    if (!job.ok() || !counts()) return;
    jobs_[request_id] = job->name();
    if (random.Below(2) == 0) WaitForEnd(job->name(), counts, absl::Milliseconds(20));
  }

  std::string FindLost() override {
    for (const auto& [request_id, name] : jobs_) {
      const auto again = runner_->Submit(kind_, {}, Pack(request_id), request_id);
      if (!again.ok() || again->name() != name) return "the first answer to " + request_id;
      const auto ended = ended_.find(name);
      const auto job = runner_->Get(name);
      if (!job.ok()) return absl::StrCat(name, ": ", job.status().ToString());
      if (ended != ended_.end() && job->SerializeAsString() != ended->second) {
        return absl::StrCat("the end of ", name, ", which is now ", job->ShortDebugString());
      }
      // Taken up again, from the last checkpoint that was acknowledged.
      const Job end = WaitForEnd(
          name, [] { return true; }, absl::Seconds(60));
      if (end.state() != Job::STATE_SUCCEEDED) return end.ShortDebugString();
      google::protobuf::StringValue result;
      if (!end.result().UnpackTo(&result) || result.value() != request_id)
        return name + "'s result";
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    return lost_checkpoint_;
  }

 private:
  absl::StatusOr<Any> Run(JobContext& context) {
    int step = 0;
    const auto loaded = context.LoadCheckpoint();
    if (!loaded.ok() && !absl::IsNotFound(loaded.status())) return loaded.status();
    if (loaded.ok() && !absl::SimpleAtoi(*loaded, &step)) {
      return absl::DataLossError("half a checkpoint");
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (step < checkpoint_[context.name()])
        lost_checkpoint_ = "a checkpoint of " + context.name();
    }
    while (checkpoints_ && step < 3) {
      RECSAE_RETURN_IF_ERROR(context.Interrupted());
      const absl::Status saved = context.SaveCheckpoint(absl::StrCat(++step));
      const std::lock_guard<std::mutex> lock(mutex_);
      if (saved.ok() && counts_ && counts_()) checkpoint_[context.name()] = step;
    }
    // From here on the job's end is stored, which takes the checkpoint with it: a write of it that
    // failed may yet be found on the disk, before a later one that says that the job still runs.
    const std::lock_guard<std::mutex> lock(mutex_);
    checkpoint_.erase(context.name());
    return context.spec();
  }

  // The job at its end, or as it is when nothing happens any more.
  Job WaitForEnd(const std::string& name, const std::function<bool()>& counts,
                 absl::Duration patience) {
    uint64_t seen = 0;
    Job job;
    while (!IsFinal(job.state())) {
      const auto revision = runner_->Watch(name, seen, patience, &job);
      if (!revision.ok() || *revision == seen) return job;
      seen = *revision;
    }
    if (counts()) ended_[name] = job.SerializeAsString();
    return job;
  }

  const std::string service_;
  const std::string kind_;
  const bool checkpoints_;
  int requests_ = 0;
  std::map<std::string, std::string> jobs_;   // names, by request id
  std::map<std::string, std::string> ended_;  // jobs whose end was told
  std::mutex mutex_;
  std::function<bool()> counts_;
  std::map<std::string, int> checkpoint_;  // last one acknowledged
  std::string lost_checkpoint_;
  std::unique_ptr<JobRunner> runner_;  // goes first
};

MakeSubject Maker(const char* service, const char* kind, bool checkpoints) {
  return [=] { return std::make_unique<JobsSubject>(service, kind, checkpoints); };
}

TEST(JobsPowerLossTest, TheTrainersAreNotLost) {
  ExpectNothingIsLost(Maker("trainer", "train-sae", true));
}
TEST(JobsPowerLossTest, TheExplainersAreNotLost) {
  ExpectNothingIsLost(Maker("explainer", "build-concepts", false));
}
TEST(JobsPowerLossTest, TheProbesAreNotLost) {
  ExpectNothingIsLost(Maker("probe", "train-recommender", false));
}
TEST(JobsPowerLossTest, WithoutSyncsThingsAreLost) {
  ExpectLossesWithoutSyncs(Maker("trainer", "train-sae", true));
}
TEST(JobsPowerLossTest, WritesThatFailAreErrors) {
  ExpectFaultsAreErrors(Maker("trainer", "train-sae", true));
}

}  // namespace
}  // namespace recsae
