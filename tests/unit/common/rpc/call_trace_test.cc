// Traces and what is measured of calls, over real servers: one that is called, and a peer that it
// calls meanwhile.
#include "common/rpc/call_trace.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_interceptor.h>
#include <grpcpp/support/server_interceptor.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/rpc/grpc_metrics.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"
#include "common/rpc/metrics.h"
#include "common/rpc/spans.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"

namespace recsae {
namespace {

using jobs::v1::GetJobRequest;
using jobs::v1::Job;
using jobs::v1::Jobs;
using jobs::v1::WatchJobRequest;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kParent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr char kUnsampled[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

std::string CurrentText() {
  const auto trace = CurrentTrace();
  return trace.has_value() ? FormatTraceParent(*trace) : "";
}

// Tells of the trace that a call is part of, and what a call that it makes is.
class Tracing final : public Jobs::WithCallbackMethod_WatchJob<Jobs::Service> {
 public:
  explicit Tracing(Jobs::Stub* peer) : peer_(peer) {}

  grpc::Status GetJob(grpc::ServerContext* context, const GetJobRequest* request,
                      Job* response) override {
    return Guard(context, [&]() -> absl::Status {
      response->set_trace_parent(CurrentText());
      Log(Severity::kInfo, "within");
      if (request->name() == "bad") {
        return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT", "damaged");
      }
      if (peer_ == nullptr) return absl::OkStatus();
      grpc::ClientContext calling;
      Job job;
      RECSAE_RETURN_IF_ERROR(FromGrpc(peer_->GetJob(&calling, *request, &job)));
      response->set_target(job.trace_parent());
      return absl::OkStatus();
    });
  }

  grpc::ServerWriteReactor<Job>* WatchJob(grpc::CallbackServerContext*,
                                          const WatchJobRequest*) override {
    class Failing : public grpc::ServerWriteReactor<Job> {
     public:
      Failing() { Finish(grpc::Status(grpc::StatusCode::INTERNAL, "broken")); }
      void OnDone() override { delete this; }
    };
    return new Failing;
  }

 private:
  Jobs::Stub* const peer_;
};

class TracedServer {
 public:
  explicit TracedServer(Jobs::Stub* peer) : service_(peer) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
        interceptors;
    interceptors.push_back(TraceServedCalls());
    AddGrpcMetrics(builder, metrics_, interceptors);
    builder.experimental().SetInterceptorCreators(std::move(interceptors));
    server_ = builder.BuildAndStart();
  }
  ~TracedServer() { server_->Shutdown(); }

  std::unique_ptr<Jobs::Stub> Stub(const std::string& name) {
    return Jobs::NewStub(grpc::experimental::CreateCustomChannelWithInterceptors(
        absl::StrCat("127.0.0.1:", port_), grpc::InsecureChannelCredentials(), {},
        Interceptors(name)));
  }
  std::unique_ptr<Jobs::Stub> StubInProcess(const std::string& name) {
    return Jobs::NewStub(
        server_->experimental().InProcessChannelWithInterceptors({}, Interceptors(name)));
  }
  MetricsRegistry& metrics() { return metrics_; }

 private:
  static std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>
  Interceptors(const std::string& name) {
    std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> list;
    list.push_back(TraceCallsTo(name));
    return list;
  }

  MetricsRegistry metrics_;
  Tracing service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// As the receiver of the process while it lives.
class Spans final : public SpanReceiver {
 public:
  Spans() { SetSpanReceiver(this); }
  ~Spans() override { SetSpanReceiver(nullptr); }
  void Take(Span span) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    spans_.push_back(std::move(span));
  }
  std::vector<Span> All() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return spans_;
  }

 private:
  std::mutex mutex_;
  std::vector<Span> spans_;
};

class CallTraceTest : public ::testing::Test {
 protected:
  Job Get(const std::vector<std::string>& parents, const std::string& name = "") {
    grpc::ClientContext context;
    for (const std::string& parent : parents) context.AddMetadata("traceparent", parent);
    GetJobRequest request;
    request.set_name(name);
    Job job;
    status_ = stub_->GetJob(&context, request, &job);
    return job;
  }

  TracedServer peer_{nullptr};
  const std::unique_ptr<Jobs::Stub> to_peer_ = peer_.Stub("peer");
  TracedServer server_{to_peer_.get()};
  const std::unique_ptr<Jobs::Stub> stub_ = server_.Stub("server");
  grpc::Status status_;
};

TEST_F(CallTraceTest, IsTakenInPassedOnAndLogged) {
  ::testing::internal::CaptureStderr();
  const Job job = Get({kParent});
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(job.trace_parent(), kParent);
  EXPECT_EQ(job.target(), kParent);
  int lines = 0;
  for (const absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    const auto json = nlohmann::json::parse(std::string(line));
    EXPECT_EQ(json["trace_id"], "0af7651916cd43dd8448eb211c80319c") << line;
    EXPECT_EQ(json["span_id"], "b7ad6b7169203331") << line;
    ++lines;
  }
  EXPECT_EQ(lines, 2);
  // The thread may serve other calls afterwards.
  EXPECT_EQ(Get({}).trace_parent(), "");
}

TEST_F(CallTraceTest, WithoutOneNothingIsMadeUp) {
  ::testing::internal::CaptureStderr();
  for (const std::vector<std::string>& parents :
       {std::vector<std::string>{}, {"00-zz"}, {""}, {kParent, kParent}}) {
    const Job job = Get(parents);
    EXPECT_TRUE(status_.ok()) << status_.error_message();
    EXPECT_EQ(job.trace_parent(), "");
    EXPECT_EQ(job.target(), "");
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::Not(::testing::HasSubstr("trace_id")));
}

TEST_F(CallTraceTest, InOneProcessToo) {
  const auto inside = server_.StubInProcess("server");
  grpc::ClientContext context;
  const TraceScope scope(ParseTraceParent(kParent));
  Job job;
  ASSERT_TRUE(inside->GetJob(&context, {}, &job).ok());
  EXPECT_EQ(job.trace_parent(), kParent);
  EXPECT_EQ(job.target(), kParent);
}

TEST_F(CallTraceTest, SpansHangTogether) {
  Spans receiver;
  const Job job = Get({kParent});
  const std::vector<Span> spans = receiver.All();
  ASSERT_EQ(spans.size(), 3u);
  const Span &peer = spans[0], &call = spans[1], &server = spans[2];
  EXPECT_EQ(server.kind, Span::Kind::kServer);
  EXPECT_EQ(SpanIdText(server.parent_id), "b7ad6b7169203331");
  EXPECT_EQ(FormatTraceParent(server.context), job.trace_parent());
  EXPECT_EQ(call.kind, Span::Kind::kClient);
  EXPECT_EQ(call.parent_id, server.context.span_id);
  EXPECT_EQ(peer.kind, Span::Kind::kServer);
  EXPECT_EQ(peer.parent_id, call.context.span_id);
  for (const Span& span : spans) {
    EXPECT_EQ(TraceIdText(span.context), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(span.name, "recsae.jobs.v1.Jobs/GetJob");
    EXPECT_FALSE(span.failed);
    EXPECT_LE(span.start, span.end);
    EXPECT_THAT(span.numbers, ElementsAre(std::pair("rpc.grpc.status_code", 0)));
  }
  EXPECT_THAT(call.attributes, UnorderedElementsAre(std::pair("rpc.system", "grpc"),
                                                    std::pair("rpc.service", "recsae.jobs.v1.Jobs"),
                                                    std::pair("rpc.method", "GetJob"),
                                                    std::pair("peer.service", "peer")));
}

TEST_F(CallTraceTest, ACallWithoutATraceBeginsOneWhereSpansAreTaken) {
  Spans receiver;
  Get({});
  Get({kUnsampled});  // whose caller records nothing
  const std::vector<Span> spans = receiver.All();
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[2].parent_id, 0u);
  EXPECT_EQ(spans[0].context.trace_low, spans[2].context.trace_low);
  EXPECT_EQ(Get({kUnsampled}).target(), kUnsampled);
}

TEST_F(CallTraceTest, AFaultIsLoggedAndASpanOfItSaysSo) {
  Spans receiver;
  ::testing::internal::CaptureStderr();
  Get({kParent}, "bad");
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::DATA_LOSS);
  grpc::ClientContext context;
  context.AddMetadata("traceparent", kParent);
  Job job;
  const auto reader = stub_->WatchJob(&context, {});
  EXPECT_FALSE(reader->Read(&job));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INTERNAL);
  std::vector<nlohmann::json> failed;
  const std::string log = ::testing::internal::GetCapturedStderr();
  for (const absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    auto json = nlohmann::json::parse(std::string(line));
    if (json["message"] == "call failed") failed.push_back(std::move(json));
  }
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(failed[0]["method"], "/recsae.jobs.v1.Jobs/GetJob");
  EXPECT_EQ(failed[0]["code"], "DataLoss");
  EXPECT_EQ(failed[0]["reason"], "STORE_CORRUPT");
  EXPECT_EQ(failed[1]["method"], "/recsae.jobs.v1.Jobs/WatchJob");
  EXPECT_EQ(failed[1]["code"], "Internal");
  const std::vector<Span> spans = receiver.All();
  ASSERT_EQ(spans.size(), 2u);
  for (size_t i = 0; i < spans.size(); ++i) {
    EXPECT_TRUE(spans[i].failed);
    EXPECT_EQ(failed[i]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(failed[i]["span_id"], SpanIdText(spans[i].context.span_id));
  }
}

// Samples by the name of their family.
std::map<std::string, size_t> Samples(const MetricsRegistry& metrics) {
  std::map<std::string, size_t> samples;
  for (const prometheus::MetricFamily& family : metrics.Collect()) {
    samples[family.name] = family.metric.size();
  }
  return samples;
}

TEST_F(CallTraceTest, OfMethodsThatNobodyCalledThereIsOneCounter) {
  const std::map<std::string, size_t> idle = Samples(server_.metrics());
  // Of the five of Jobs, and of what is unknown.
  EXPECT_THAT(idle, ElementsAre(std::pair("grpc_server_started_total", 6)));
  Get({});
  Get({}, "bad");
  Get({});
  auto called = Samples(server_.metrics());
  EXPECT_EQ(called["grpc_server_started_total"], 6u);
  EXPECT_EQ(called["grpc_server_handled_total"], 2u);
  EXPECT_EQ(called["grpc_server_msg_received_total"], 1u);
  EXPECT_EQ(called["grpc_server_msg_sent_total"], 1u);
  EXPECT_EQ(called["grpc_server_handling_seconds"], 1u);
}

}  // namespace
}  // namespace recsae
