// Errors through a real gRPC server and client: what ToGrpc lets through, the trailers carry.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/grpc_status.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"

namespace recsae {
namespace {

// Answers GetJob with an error.
class FailingService final : public jobs::v1::Jobs::Service {
 public:
  explicit FailingService(absl::Status error) : error_(std::move(error)) {}
  grpc::Status GetJob(grpc::ServerContext*, const jobs::v1::GetJobRequest*,
                      jobs::v1::Job*) override {
    return ToGrpc(error_);
  }

 private:
  const absl::Status error_;
};

absl::Status ThroughTheWire(const absl::Status& error) {
  FailingService service(error);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const auto stub = jobs::v1::Jobs::NewStub(
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  jobs::v1::Job job;
  const absl::Status received = FromGrpc(stub->GetJob(&context, {}, &job));
  server->Shutdown();
  return received;
}

TEST(ErrorOnTheWire, ArrivesWithEverything) {
  BadRequest bad;
  bad.Add("k", "must be at least 1, is 0");
  bad.Add("latents", "must be above 0");
  EXPECT_EQ(ThroughTheWire(bad.ToStatus()), bad.ToStatus());
}

TEST(ErrorOnTheWire, TheLargestOneKeepsItsReason) {
  std::string text;
  while (text.size() < 100'000) text += "\u00e9";  // Three bytes each byte when percent-encoded.
  BadRequest bad;
  for (int i = 0; i < 100; ++i) bad.Add(absl::StrCat("field", i), text);
  for (const absl::Status& error :
       {bad.ToStatus(), Error(absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", text,
                              {{"item", std::string(1500, 'x')}})}) {
    const absl::Status received = ThroughTheWire(error);
    EXPECT_EQ(received.code(), absl::StatusCode::kInvalidArgument) << received;
    EXPECT_EQ(Reason(received), "INVALID_REQUEST");
    EXPECT_THAT(std::string(received.message()), ::testing::EndsWith("..."));
  }
}

TEST(ErrorOnTheWire, DetailsThatNeverFitAreLeftOut) {
  const absl::Status received =
      ThroughTheWire(Error(absl::StatusCode::kAborted, "ETAG_STALE", "the concept has changed",
                           {{"item", std::string(100'000, 'x')}}));
  EXPECT_EQ(received, absl::AbortedError("the concept has changed"));
}

}  // namespace
}  // namespace recsae
