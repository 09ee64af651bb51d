// The smallest server that the suite's lifecycle can run: one module with a Jobs service of its own
// that answers, waits or fails as the job's name says.
#include <grpcpp/server_context.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/process/flags.h"
#include "common/process/server.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"
#include "common/rpc/metrics.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"

namespace recsae {
namespace {

// GetJob: "jobs/throw" and "jobs/greedy" (std::bad_alloc) throw, "jobs/wait" lasts until the caller
// is gone, "jobs/stuck" never ends, "jobs/missing" is not found; WatchJob sends until the process
// drains.
class SampleJobs : public jobs::v1::Jobs::Service {
 public:
  grpc::Status GetJob(grpc::ServerContext* context, const jobs::v1::GetJobRequest* request,
                      jobs::v1::Job* response) override {
    return Guard(context, [&]() -> absl::Status {
      if (request->name() == "jobs/throw") throw std::runtime_error("secret detail");
      if (request->name() == "jobs/greedy") throw std::bad_alloc();
      if (request->name() == "jobs/missing") {
        return Error(absl::StatusCode::kNotFound, "JOB_NOT_FOUND", "there is no jobs/missing");
      }
      while (request->name() == "jobs/stuck" ||
             (request->name() == "jobs/wait" && CheckAlive(context).ok())) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      response->set_name(request->name());
      return CheckAlive(context);
    });
  }

  grpc::Status WatchJob(grpc::ServerContext* context, const jobs::v1::WatchJobRequest* request,
                        grpc::ServerWriter<jobs::v1::Job>* writer) override {
    return Guard(context, [&]() -> absl::Status {
      jobs::v1::Job job;
      job.set_name(request->name());
      writer->Write(job);
      while (!draining) {
        if (absl::Status alive = CheckAlive(context); !alive.ok()) return alive;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      return Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING", "the server stops");
    });
  }

  std::atomic<bool> draining{false};
};

class SampleModule : public ServiceModule {
 public:
  absl::string_view name() const override { return "sample"; }
  std::vector<std::string> peers() const override { return {"probe"}; }
  void AddFlags(FlagSet& flags) override {
    flags.Add("sample-size", &size_, "A number for tests", 1, 100);
    flags.Add("fail-to-open", &fail_, "Fail in Open with this message");
    flags.Add("open-when", &open_when_, "Stay in Open until there is this file");
    flags.Add("hang-in-stop", &hang_in_stop_, "Do not return from Stop");
  }
  absl::Status Open(const ModuleContext& context) override {
    if (!fail_.empty()) return absl::FailedPreconditionError(fail_);
    Log(Severity::kInfo, "sample opens");
    while (!open_when_.empty() && !std::filesystem::exists(open_when_)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    open_.emplace(context.metrics->GetGauge("recsae_sample_open", "1 while the module lives."));
    open_->Set(1);
    context.metrics->GetGauge("recsae_sample_size", "The flag.").Set(static_cast<double>(size_));
    return absl::OkStatus();
  }
  std::vector<grpc::Service*> services() override { return {&jobs_}; }
  void Drain() override { jobs_.draining = true; }
  absl::Status Stop(absl::Time /*deadline*/) override {
    Log(Severity::kInfo, "sample stops");
    while (hang_in_stop_) std::this_thread::sleep_for(std::chrono::hours(1));
    return absl::OkStatus();
  }
  // What a module was given must outlive it.
  ~SampleModule() override {
    if (open_.has_value()) open_->Set(0);
  }

 private:
  int64_t size_ = 7;
  std::string fail_;
  std::string open_when_;
  bool hang_in_stop_ = false;
  std::optional<Gauge> open_;
  SampleJobs jobs_;
};

}  // namespace
}  // namespace recsae

int main(int argc, char** argv) {
  recsae::ServerSpec spec;
  spec.program = "recsae-sample";
  spec.description = "A server for tests.";
  spec.examples = "  recsae-sample --listen 127.0.0.1:0";
  spec.version_lines = {"flavour: vanilla"};
  spec.port = 7499;
  spec.metrics_port = 9499;
  spec.modules.push_back(std::make_unique<recsae::SampleModule>());
  return recsae::RunServer(argc, argv, std::move(spec));
}
