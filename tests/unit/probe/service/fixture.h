// A probe with its jobs behind a real gRPC server on the loopback interface.
#ifndef RECSAE_TESTS_UNIT_PROBE_SERVICE_FIXTURE_H_
#define RECSAE_TESTS_UNIT_PROBE_SERVICE_FIXTURE_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/jobs/jobs_service.h"
#include "common/messages/tensor.h"
#include "common/process/flags.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/metrics.h"
#include "recsae/hosts/v1/hosts.grpc.pb.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"
#include "services/probe/module.h"

namespace recsae::probe {

class ProbeServerTest : public testing::Test {
 protected:
  void SetUp() override {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(testing::TempDir(), "/probe-", test->name(), "-", getpid());
    std::filesystem::remove_all(folder_);
    Start();
  }

  void TearDown() override {
    Stop();
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    std::filesystem::create_directories(folder_ + "/probe");
    JobRunnerOptions options;
    options.service = "probe";
    absl::StatusOr<std::unique_ptr<JobRunner>> runner = JobRunner::Open(folder_ + "/jobs", options);
    ASSERT_TRUE(runner.ok()) << runner.status();
    runner_ = *std::move(runner);
    module_ = std::make_unique<ProbeModule>();
    FlagSet flags("probe", "", "", "");
    module_->AddFlags(flags);
    const char* given[] = {"probe", "--torch-host", RECSAE_TORCH_HOST, "--allow-modules"};
    ASSERT_EQ(flags.Parse(4, given), -1);
    ModuleContext context;
    context.data_dir = folder_ + "/probe";
    context.jobs = runner_.get();
    context.metrics = &metrics_;
    context.memory = &memory();
    ASSERT_TRUE(module_->Open(context).ok());
    jobs_service_ = MakeJobsService(*runner_);

    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    for (grpc::Service* service : module_->services()) builder.RegisterService(service);
    builder.RegisterService(jobs_service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    auto channel =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
    probe_ = v1::Probe::NewStub(channel);
    jobs_ = jobs::v1::Jobs::NewStub(channel);
    hosts_ = hosts::v1::ModelHosts::NewStub(channel);
    ASSERT_TRUE(runner_->Start().ok());
  }

  virtual MemoryBudget& memory() { return MemoryBudget::Unlimited(); }

  void Stop() {
    if (server_ == nullptr) return;
    EXPECT_TRUE(runner_->Stop(absl::InfiniteDuration()).ok());
    server_->Shutdown();
    server_.reset();
    EXPECT_TRUE(module_->Stop(absl::InfiniteFuture()).ok());
    jobs_service_.reset();
    runner_.reset();
    module_.reset();
  }

  // One call: probe_->Call(&context, request, &response).
  template <typename Call, typename Request, typename Response>
  absl::Status Run(Call call, const Request& request, Response* response) {
    grpc::ClientContext context;
    response->Clear();
    return FromGrpc((probe_.get()->*call)(&context, request, response));
  }

  // Sends all messages of a client stream.
  template <typename Call, typename Request, typename Response>
  absl::Status Send(Call call, const std::vector<Request>& messages, Response* response) {
    grpc::ClientContext context;
    response->Clear();
    auto writer = (probe_.get()->*call)(&context, response);
    for (const Request& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return FromGrpc(writer->Finish());
  }

  // Receives all messages of a server stream.
  template <typename Response, typename Call, typename Request>
  absl::StatusOr<std::vector<Response>> Receive(Call call, const Request& request) {
    grpc::ClientContext context;
    auto reader = (probe_.get()->*call)(&context, request);
    std::vector<Response> messages;
    for (Response message; reader->Read(&message);) messages.push_back(message);
    RECSAE_RETURN_IF_ERROR(FromGrpc(reader->Finish()));
    return messages;
  }

  // A catalogue "catalogs/c" of items i0, i1, ... with titles "Item 0", ...
  void MakeCatalog(int items) {
    v1::CreateCatalogRequest request;
    request.set_catalog_id("c");
    v1::Catalog catalog;
    ASSERT_TRUE(Run(&Stub::CreateCatalog, request, &catalog).ok());
    std::vector<v1::UploadItemsRequest> upload(2);
    upload[0].mutable_header()->set_catalog("catalogs/c");
    for (int i = 0; i < items; ++i) {
      v1::Item* item = upload[1].mutable_batch()->add_items();
      item->set_id(absl::StrCat("i", i));
      item->set_title(absl::StrCat("Item ", i));
    }
    v1::UploadItemsResponse response;
    ASSERT_TRUE(Send(&Stub::UploadItems, upload, &response).ok());
    ASSERT_EQ(response.added_item_count(), items);
  }

  // "recommenders/r" over "catalogs/c".
  void MakeRecommender(int dim) {
    v1::CreateRecommenderRequest request;
    request.set_recommender_id("r");
    request.set_catalog("catalogs/c");
    request.set_activation_dim(dim);
    v1::Recommender recommender;
    const absl::Status status = Run(&Stub::CreateRecommender, request, &recommender);
    ASSERT_TRUE(status.ok()) << status;
  }

  // "recommenders/r/captures/p".
  void MakeCapture(bool has_cases) {
    v1::CreateCaptureRequest request;
    request.set_parent("recommenders/r");
    request.set_capture_id("p");
    request.set_has_cases(has_cases);
    v1::Capture capture;
    const absl::Status status = Run(&Stub::CreateCapture, request, &capture);
    ASSERT_TRUE(status.ok()) << status;
  }

  static tensor::v1::Tensor Matrix(const std::vector<float>& values, int64_t cols) {
    tensor::v1::Tensor tensor;
    WriteMatrix({values.data(), static_cast<int64_t>(values.size()) / cols, cols}, &tensor);
    return tensor;
  }

  static std::vector<float> Floats(const tensor::v1::Tensor& tensor) {
    return *FloatsFromBytes(tensor.data());
  }

  using Stub = v1::Probe::Stub;

  std::string folder_;
  MetricsRegistry metrics_;
  std::unique_ptr<JobRunner> runner_;
  std::unique_ptr<ProbeModule> module_;
  std::unique_ptr<grpc::Service> jobs_service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Probe::Stub> probe_;
  std::unique_ptr<jobs::v1::Jobs::Stub> jobs_;
  std::unique_ptr<hosts::v1::ModelHosts::Stub> hosts_;
};

}  // namespace recsae::probe

#endif  // RECSAE_TESTS_UNIT_PROBE_SERVICE_FIXTURE_H_
