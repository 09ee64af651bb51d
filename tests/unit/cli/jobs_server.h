// A real job runner behind a real server on a loopback port, for tests of what follows jobs.
#ifndef RECSAE_TESTS_UNIT_CLI_JOBS_SERVER_H_
#define RECSAE_TESTS_UNIT_CLI_JOBS_SERVER_H_

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_interceptor.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/session/session.h"
#include "common/jobs/job_runner.h"
#include "common/jobs/jobs_service.h"

namespace recsae::cli {

// Counts the watches that were begun.
class WatchCounter : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit WatchCounter(std::atomic<int>* count) : count_(count) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    if (absl::EndsWith(info->method(), "/WatchJob")) ++*count_;
    return nullptr;
  }

 private:
  std::atomic<int>* const count_;
};

// Jobs of kind "test" run `work`; their result is an Int64Value of 42.
class JobsServer {
 public:
  explicit JobsServer(std::function<absl::Status(JobContext&)> work) {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ =
        absl::StrCat(testing::TempDir(), "/cli_jobs_", info->test_suite_name(), "_", info->name());
    std::filesystem::remove_all(directory_);
    auto runner = JobRunner::Open(directory_, {.service = "test"});
    EXPECT_TRUE(runner.ok()) << runner.status();
    runner_ = *std::move(runner);
    runner_->Register("test", [work](JobContext& job) -> absl::StatusOr<google::protobuf::Any> {
      if (absl::Status status = work(job); !status.ok()) return status;
      google::protobuf::Int64Value result;
      result.set_value(42);
      google::protobuf::Any any;
      any.PackFrom(result);
      return any;
    });
    EXPECT_TRUE(runner_->Start().ok());
    service_ = MakeJobsService(*runner_);
    Serve();
  }
  ~JobsServer() {
    StopServing();
    service_.reset();
    runner_.reset();
    std::filesystem::remove_all(directory_);
  }

  // Opens the port, the same one each time.
  void Serve() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port_), grpc::InsecureServerCredentials(),
                             &port_);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.RegisterService(service_.get());
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> counters;
    counters.push_back(std::make_unique<WatchCounter>(&watches_));
    builder.experimental().SetInterceptorCreators(std::move(counters));
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  // Breaks every connection.
  void StopServing() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

  // Watches begun so far; a client that follows a job is ready for Ctrl-C by then.
  int watches() const { return watches_; }
  JobRunner& runner() { return *runner_; }
  GlobalOptions options() const {
    GlobalOptions options;
    options.server = absl::StrCat("127.0.0.1:", port_);
    options.quiet = true;
    return options;
  }

  // Starts a job, or returns the first one of the request_id.
  absl::StatusOr<jobs::v1::Job> Submit(const std::string& request_id = "") {
    return runner_->Submit("test", {}, google::protobuf::Any(), request_id);
  }

 private:
  std::string directory_;
  std::unique_ptr<JobRunner> runner_;
  std::unique_ptr<grpc::Service> service_;
  int port_ = 0;
  std::atomic<int> watches_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace recsae::cli

#endif  // RECSAE_TESTS_UNIT_CLI_JOBS_SERVER_H_
