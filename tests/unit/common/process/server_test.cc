// The lifecycle of a real server process over real sockets.
#include "common/process/server.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/version.h"
#include "common/budget/limits.h"
#include "common/rpc/grpc_status.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"
#include "tests/unit/common/process/child.h"

namespace recsae {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kJobs[] = "recsae.jobs.v1.Jobs";

int64_t Lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

// A running sample server on free ports.
class Server {
 public:
  explicit Server(std::vector<std::string> args = {},
                  const std::map<std::string, std::string>& environment = {})
      : dir_(testing::NewTempDir()), child_(SAMPLE_SERVER, Args(std::move(args)), environment) {
    port_ = testing::WaitForPort(child_, dir_ + "/port");
    channel_ = grpc::CreateChannel(address(), grpc::InsecureChannelCredentials());
  }

  testing::Child& child() { return child_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  const std::string& dir() const { return dir_; }
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }

  grpc::Status GetJob(const std::string& name, jobs::v1::Job* job = nullptr) const {
    grpc::ClientContext context;
    jobs::v1::GetJobRequest request;
    request.set_name(name);
    jobs::v1::Job ignored;
    return jobs::v1::Jobs::NewStub(channel_)->GetJob(&context, request,
                                                     job == nullptr ? &ignored : job);
  }

  grpc::Status Check(const std::string& service, HealthCheckResponse* response) const {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    return Health::NewStub(channel_)->Check(&context, request, response);
  }

  // The log line with this message.
  nlohmann::json LogLine(const std::string& message) const {
    std::istringstream lines(child_.err());
    for (std::string line; std::getline(lines, line);) {
      nlohmann::json parsed = nlohmann::json::parse(line);
      if (parsed["message"] == message) return parsed;
    }
    return {};
  }

  std::string Metrics() const {
    return testing::HttpGet(LogLine("listening")["metrics_port"], "/metrics");
  }

 private:
  std::vector<std::string> Args(std::vector<std::string> more) const {
    std::vector<std::string> args = {"--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0",
                                     "--data-dir=" + dir_ + "/data",
                                     "--port-file=" + dir_ + "/port", "--lame-duck-seconds=0"};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }

  std::string dir_;
  testing::Child child_;
  int port_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
};

template <typename Condition>
void Until(Condition condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

// How many GetJob calls the server has taken.
int Started(const Server& server) {
  const std::string series =
      "grpc_server_started_total{grpc_method=\"GetJob\",grpc_service=\"recsae.jobs.v1.Jobs\","
      "grpc_type=\"unary\"} ";
  const std::string metrics = server.Metrics();
  const size_t found = metrics.find(series);
  return found == std::string::npos ? 0 : std::stoi(metrics.substr(found + series.size()));
}

// Whether a GetJob has ended with this code, as the server sees it.
bool HasEndedWith(const Server& server, const std::string& code) {
  return server.Metrics().find("grpc_server_handled_total{grpc_code=\"" + code +
                               "\",grpc_method=\"GetJob\"") != std::string::npos;
}

TEST(ServerTest, HelpAndVersionGoToStandardOutput) {
  testing::Child help(SAMPLE_SERVER, {"--help"});
  EXPECT_EQ(help.Wait(), 0);
  EXPECT_THAT(help.out(), AllOf(HasSubstr("A server for tests."), HasSubstr("RECSAE_LOG_LEVEL"),
                                HasSubstr("--sample-size"), HasSubstr("RECSAE_PROBE"),
                                HasSubstr("127.0.0.1:7401"), HasSubstr("recsae-sample --listen")));
  testing::Child version(SAMPLE_SERVER, {"--version"});
  EXPECT_EQ(version.Wait(), 0);
  EXPECT_EQ(version.out(), "recsae-sample " + VersionAndCommit() + "\nflavour: vanilla\n");
}

TEST(ServerTest, BadFlagIsOneLineAndStatusTwo) {
  for (const char* flag :
       {"--no-such-flag", "--sample-size=0", "--sample-size=x", "--listen=nonsense",
        "--probe=127.0.0.1:0", "--log-level=loud", "--drain-seconds=nan", "stray"}) {
    testing::Child child(SAMPLE_SERVER, {flag});
    EXPECT_EQ(child.Wait(), 2) << flag;
    EXPECT_EQ(Lines(child.err()), 1) << child.err();
    EXPECT_THAT(child.err(), AllOf(StartsWith("recsae-sample: "), HasSubstr("--help"))) << flag;
  }
}

TEST(ServerTest, PortInUseIsOneLineAndStatusOne) {
  const Server first;
  testing::Child second(
      SAMPLE_SERVER,
      {"--listen=" + first.address(), "--metrics-listen=", "--data-dir=" + testing::NewTempDir()});
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_EQ(second.err(), "recsae-sample: cannot listen on " + first.address() +
                              ": Address already in use; choose another address with --listen\n");
  testing::Child third(SAMPLE_SERVER,
                       {"--listen=127.0.0.1:0", "--metrics-listen=" + first.address(),
                        "--data-dir=" + testing::NewTempDir()});
  EXPECT_EQ(third.Wait(), 1);
  EXPECT_THAT(third.err(), EndsWith("--metrics-listen\n"));
}

TEST(ServerTest, FailedOpenIsOneLineAndStatusOne) {
  const std::string dir = testing::NewTempDir();
  testing::Child child(SAMPLE_SERVER, {"--listen=127.0.0.1:0", "--metrics-listen=",
                                       "--data-dir=" + dir, "--fail-to-open=no such thing"});
  EXPECT_EQ(child.Wait(), 1);
  EXPECT_EQ(child.err(), "recsae-sample: no such thing\n");
}

TEST(ServerTest, DataDirOfAnotherServerIsRefused) {
  // As this version marks it, and as earlier ones did.
  for (const auto& [file, text] : std::map<std::string, std::string>{
           {"STORE", R"({"format": 1, "service": "recsae-other"})"}, {"OWNER", "recsae-other\n"}}) {
    const std::string dir = testing::NewTempDir();
    std::ofstream(absl::StrCat(dir, "/", file)) << text;
    testing::Child child(SAMPLE_SERVER,
                         {"--listen=127.0.0.1:0", "--metrics-listen=", "--data-dir=" + dir});
    EXPECT_EQ(child.Wait(), 1);
    EXPECT_EQ(Lines(child.err()), 1);
    EXPECT_THAT(child.err(), AllOf(HasSubstr(dir), HasSubstr("recsae-other")));
  }
}

TEST(ServerTest, AMarkerThatThePowerTookIsWrittenAnew) {
  for (const char* file : {"STORE", "OWNER"}) {
    const std::string dir = testing::NewTempDir();
    std::ofstream(absl::StrCat(dir, "/", file)).close();
    testing::Child child(SAMPLE_SERVER, {"--listen=127.0.0.1:0", "--metrics-listen=",
                                         "--data-dir=" + dir, "--port-file=" + dir + "/port"});
    EXPECT_GT(testing::WaitForPort(child, dir + "/port"), 0) << child.err();
  }
}

TEST(ServerTest, FlagBeatsEnvironmentBeatsConfigBeatsDefault) {
  const std::string config = testing::NewTempDir() + "/config.toml";
  std::ofstream(config) << "sample-size = 20\n";
  const std::string name = "recsae_sample_size ";
  EXPECT_THAT(Server().Metrics(), HasSubstr(name + "7"));
  EXPECT_THAT(Server({"--config=" + config}).Metrics(), HasSubstr(name + "20"));
  EXPECT_THAT(Server({}, {{"RECSAE_CONFIG", config}}).Metrics(), HasSubstr(name + "20"));
  EXPECT_THAT(Server({"--config=" + config}, {{"RECSAE_SAMPLE_SIZE", "30"}}).Metrics(),
              HasSubstr(name + "30"));
  EXPECT_THAT(
      Server({"--config=" + config, "--sample-size=40"}, {{"RECSAE_SAMPLE_SIZE", "30"}}).Metrics(),
      HasSubstr(name + "40"));
}

TEST(ServerTest, MetricsTellTheMemoryAndTheSizeOfTheStores) {
  const Server server({"--memory-limit=3MiB"});
  const std::string metrics = server.Metrics();
  EXPECT_THAT(metrics, HasSubstr("\nrecsae_memory_limit_bytes 3145728\n"));
  EXPECT_THAT(metrics, HasSubstr("\nrecsae_memory_taken_bytes 0\n"));
  EXPECT_THAT(metrics, HasSubstr("\nrecsae_store_bytes{store=\"sample\"} 0\n"));
  EXPECT_THAT(metrics, Not(HasSubstr("recsae_jobs")));  // it has none
  std::filesystem::create_directories(server.dir() + "/data/sample/deeper");
  std::ofstream(server.dir() + "/data/sample/one") << std::string(1000, 'x');
  std::ofstream(server.dir() + "/data/sample/deeper/two") << std::string(234, 'x');
  EXPECT_THAT(server.Metrics(), HasSubstr("\nrecsae_store_bytes{store=\"sample\"} 1234\n"));
}

TEST(ServerTest, HealthIsServingForTheServerAndEachService) {
  const Server server;
  HealthCheckResponse response;
  // Readiness comes a moment after the port.
  do {
    ASSERT_TRUE(server.Check("", &response).ok());
  } while (response.status() != HealthCheckResponse::SERVING);
  ASSERT_TRUE(server.Check(kJobs, &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  EXPECT_EQ(server.Check("recsae.none", &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(ServerTest, SigtermEndsWatchesAndExitsWithZero) {
  Server server({"--drain-seconds=3600"});
  grpc::ClientContext health_context;
  auto health = Health::NewStub(server.channel())->Watch(&health_context, HealthCheckRequest());
  HealthCheckResponse response;
  do {
    ASSERT_TRUE(health->Read(&response));
  } while (response.status() != HealthCheckResponse::SERVING);
  grpc::ClientContext job_context;
  jobs::v1::WatchJobRequest request;
  auto watch = jobs::v1::Jobs::NewStub(server.channel())->WatchJob(&job_context, request);
  jobs::v1::Job job;
  ASSERT_TRUE(watch->Read(&job));

  server.child().Signal(SIGTERM);
  ASSERT_TRUE(health->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(health->Read(&response));
  EXPECT_EQ(health->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_FALSE(watch->Read(&job));
  EXPECT_EQ(Reason(FromGrpc(watch->Finish())), "SERVER_DRAINING");
  EXPECT_EQ(server.child().Wait(), 0);
  EXPECT_FALSE(server.LogLine("stopped").is_null());
}

TEST(ServerTest, DrainLetsCallsEndAndThenCancelsThem) {
  Server server({"--drain-seconds=0.2"});
  grpc::Status status;
  std::thread call([&] { status = server.GetJob("jobs/wait"); });
  Until([&] { return Started(server) == 1; });
  server.child().Signal(SIGINT);
  EXPECT_EQ(server.child().Wait(), 0);
  call.join();
  EXPECT_FALSE(status.ok());
}

TEST(ServerTest, CallThatIgnoresItsEndIsForced) {
  Server server({"--drain-seconds=0"});
  std::thread call([&] { EXPECT_FALSE(server.GetJob("jobs/stuck").ok()); });
  Until([&] { return Started(server) == 1; });
  server.child().Signal(SIGTERM);
  EXPECT_EQ(server.child().Wait(), 1);
  call.join();
}

TEST(ServerTest, SecondSignalEndsAtOnce) {
  Server server({"--lame-duck-seconds=3600"});
  server.child().Signal(SIGTERM);
  Until([&] { return !server.LogLine("stopping").is_null(); });
  EXPECT_TRUE(server.child().running());
  // Those within a second of the first do not count.
  Until([&] {
    server.child().Signal(SIGTERM);
    return !server.child().running();
  });
  EXPECT_EQ(server.child().Wait(), 1);
}

// `timeout` sends to the process and then to its group.
TEST(ServerTest, TwoSignalsAtOnceAreOne) {
  Server server({"--drain-seconds=0.3"});
  grpc::Status status;
  std::thread call([&] { status = server.GetJob("jobs/wait"); });
  Until([&] { return Started(server) == 1; });
  server.child().Signal(SIGTERM);
  Until([&] { return !server.LogLine("stopping").is_null(); });
  server.child().Signal(SIGTERM);
  server.child().Signal(SIGINT);
  EXPECT_EQ(server.child().Wait(), 0);
  call.join();
}

TEST(ServerTest, SighupStopsAsSigtermDoes) {
  Server server;
  server.child().Signal(SIGHUP);
  EXPECT_EQ(server.child().Wait(), 0);
  EXPECT_FALSE(server.LogLine("stopped").is_null());
}

TEST(ServerTest, SighupIsIgnoredUnderNohup) {
  signal(SIGHUP, SIG_IGN);
  Server server;
  signal(SIGHUP, SIG_DFL);
  server.child().Signal(SIGHUP);
  EXPECT_TRUE(server.GetJob("jobs/1").ok());
  EXPECT_TRUE(server.LogLine("stopping").is_null());
  server.child().Signal(SIGTERM);
  EXPECT_EQ(server.child().Wait(), 0);
}

TEST(ServerTest, SigtermWhileStartingIsAnOrderlyEnd) {
  const std::string dir = testing::NewTempDir();
  testing::Child child(SAMPLE_SERVER,
                       {"--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0",
                        "--data-dir=" + dir + "/data", "--open-when=" + dir + "/go"});
  Until([&] { return child.err().find("sample opens") != std::string::npos; });
  child.Signal(SIGTERM);
  // Long enough for the signal to be taken in: it is by a thread that does nothing else.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  std::ofstream(dir + "/go") << "\n";
  EXPECT_EQ(child.Wait(), 0) << child.err();
  EXPECT_THAT(child.err(), AllOf(HasSubstr("sample stops"), HasSubstr("\"stopped\"")));
}

TEST(ServerTest, FailedStartStopsWhatWasOpened) {
  const std::string dir = testing::NewTempDir();
  testing::Child child(SAMPLE_SERVER,
                       {"--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0",
                        "--data-dir=" + dir + "/data", "--port-file=" + dir + "/none/x"});
  EXPECT_EQ(child.Wait(), 1);
  EXPECT_THAT(child.err(),
              AllOf(HasSubstr("sample stops"), HasSubstr("recsae-sample: cannot write " + dir)));
}

TEST(ServerTest, ModuleThatDoesNotStopIsLeft) {
  Server server({"--drain-seconds=0", "--hang-in-stop"});
  server.child().Signal(SIGTERM);
  EXPECT_EQ(server.child().Wait(), 1);
  EXPECT_FALSE(server.LogLine("the process did not stop in time: ending at once").is_null());
}

// Streams that a client opens and does not end, each of which holds a thread of the server.
TEST(ServerTest, CallsHaveSoManyThreads) {
  Server server;
  const auto stub = jobs::v1::Jobs::NewStub(server.channel());
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<jobs::v1::Job>>> watches;
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    watches.push_back(stub->WatchJob(contexts.back().get(), jobs::v1::WatchJobRequest()));
    jobs::v1::Job job;
    if (watches.back()->Read(&job)) continue;
    EXPECT_EQ(watches.back()->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    ++refused;
  }
  EXPECT_GT(refused, 0);
  const std::filesystem::path tasks = "/proc/" + std::to_string(server.child().pid()) + "/task";
  EXPECT_LT(std::distance(std::filesystem::directory_iterator(tasks), {}), 300);
  for (const auto& context : contexts) context->TryCancel();
  Until([&] { return server.GetJob("jobs/1").ok(); });
}

TEST(ServerTest, IdleClientsMayPing) {
  const Server server;
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 1'100);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel =
      grpc::CreateCustomChannel(server.address(), grpc::InsecureChannelCredentials(), args);
  ASSERT_TRUE(
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30)));
  // Three pings too many have the connection closed.
  EXPECT_FALSE(channel->WaitForStateChange(
      GRPC_CHANNEL_READY, std::chrono::system_clock::now() + std::chrono::milliseconds(5'500)));
}

TEST(ServerTest, MetricsCountEveryCallByMethodAndCode) {
  const Server server;
  EXPECT_TRUE(server.GetJob("jobs/1").ok());
  EXPECT_TRUE(server.GetJob("jobs/2").ok());
  EXPECT_EQ(server.GetJob("jobs/missing").error_code(), grpc::StatusCode::NOT_FOUND);
  {
    grpc::ClientContext context;
    auto watch =
        jobs::v1::Jobs::NewStub(server.channel())->WatchJob(&context, jobs::v1::WatchJobRequest());
    jobs::v1::Job job;
    EXPECT_TRUE(watch->Read(&job));
  }
  const std::string get =
      "{grpc_method=\"GetJob\",grpc_service=\"recsae.jobs.v1.Jobs\","
      "grpc_type=\"unary\"} ";
  const std::string metrics = server.Metrics();
  EXPECT_THAT(metrics, HasSubstr("grpc_server_started_total" + get + "3\n"));
  EXPECT_THAT(metrics, HasSubstr("grpc_server_msg_received_total" + get + "3\n"));
  EXPECT_THAT(metrics, HasSubstr("grpc_server_msg_sent_total" + get + "2\n"));
  EXPECT_THAT(metrics, HasSubstr("grpc_server_handling_seconds_count" + get + "3\n"));
  const std::string handled = "grpc_server_handled_total{grpc_code=\"";
  const std::string labels =
      "\",grpc_method=\"GetJob\",grpc_service=\"recsae.jobs.v1.Jobs\",grpc_type=\"unary\"} ";
  EXPECT_THAT(metrics, HasSubstr(handled + "OK" + labels + "2\n"));
  EXPECT_THAT(metrics, HasSubstr(handled + "NotFound" + labels + "1\n"));
  EXPECT_THAT(metrics, HasSubstr("grpc_server_msg_sent_total{grpc_method=\"WatchJob\",grpc_service="
                                 "\"recsae.jobs.v1.Jobs\",grpc_type=\"server_stream\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("recsae_build_info"));
}

TEST(ServerTest, MetricsEndpointServesNothingElse) {
  const Server server;
  const int port = server.LogLine("listening")["metrics_port"];
  EXPECT_EQ(testing::HttpGet(port, "/"), "GET /metrics, /livez or /readyz\n");
  EXPECT_EQ(testing::HttpGet(port, "/metricsx"), "GET /metrics, /livez or /readyz\n");
  EXPECT_EQ(testing::HttpGet(port, ""), "GET /metrics, /livez or /readyz\n");
  EXPECT_THAT(testing::HttpGet(port, "/metrics?x=1"), HasSubstr("recsae_build_info"));
}

TEST(ServerTest, SaysWhetherItLivesAndIsReady) {
  const Server server;
  const int port = server.LogLine("listening")["metrics_port"];
  EXPECT_EQ(testing::HttpGet(port, "/livez"), "ok\n");
  EXPECT_THAT(testing::HttpGet(port, "/readyz"), StartsWith("serving: ok\ndisk: ok\n"));
  EXPECT_THAT(server.Metrics(), HasSubstr("recsae_ready 1\n"));
}

// A stream that a client opens to any path; what a scanner would do.
grpc::Status CallPath(const std::shared_ptr<grpc::Channel>& channel, const std::string& path) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto call = stub.PrepareUnaryCall(&context, path, grpc::ByteBuffer(nullptr, 0), &queue);
  grpc::ByteBuffer response;
  grpc::Status status;
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

TEST(ServerTest, UnknownMethodsShareOneLabelValue) {
  const Server server;
  for (const char* path : {"/recsae.jobs.v1.Jobs/Nothing", "/a.b/C", "/x"}) {
    EXPECT_EQ(CallPath(server.channel(), path).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }
  const std::string metrics = server.Metrics();
  EXPECT_THAT(metrics,
              HasSubstr("grpc_server_handled_total{grpc_code=\"Unimplemented\",grpc_method="
                        "\"unknown\",grpc_service=\"unknown\",grpc_type=\"unknown\"} 3\n"));
  EXPECT_THAT(metrics, Not(HasSubstr("Nothing")));
}

TEST(ServerTest, ExceptionBecomesInternalAndTheServerLives) {
  const Server server;
  const absl::Status status = FromGrpc(server.GetJob("jobs/throw"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Reason(status), "INTERNAL_ERROR");
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
  EXPECT_EQ(server.LogLine("handler failed")["exception"], "secret detail");
  const nlohmann::json line = server.LogLine("call failed");
  EXPECT_EQ(line["method"], "/recsae.jobs.v1.Jobs/GetJob");
  EXPECT_EQ(line["code"], "Internal");
  EXPECT_EQ(line["reason"], "INTERNAL_ERROR");
  EXPECT_TRUE(server.GetJob("jobs/1").ok());
}

TEST(ServerTest, AllocationThatFailsEndsTheCallAndTheServerLives) {
  const Server server;
  const absl::Status status = FromGrpc(server.GetJob("jobs/greedy"));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(status), "OUT_OF_MEMORY");
  EXPECT_TRUE(server.GetJob("jobs/1").ok());
}

TEST(ServerTest, CallsWhoseCallerIsGoneEndWithTheCause) {
  const Server server;
  const auto stub = jobs::v1::Jobs::NewStub(server.channel());
  jobs::v1::GetJobRequest request;
  request.set_name("jobs/wait");
  jobs::v1::Job job;
  // On a busy machine the time of a call may be up before it reaches the server.
  Until([&] {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    EXPECT_EQ(stub->GetJob(&context, request, &job).error_code(),
              grpc::StatusCode::DEADLINE_EXCEEDED);
    return HasEndedWith(server, "DeadlineExceeded");
  });
  const int before = Started(server);
  grpc::ClientContext context;
  std::thread canceller([&] {
    Until([&] { return Started(server) > before; });
    context.TryCancel();
  });
  EXPECT_EQ(stub->GetJob(&context, request, &job).error_code(), grpc::StatusCode::CANCELLED);
  canceller.join();
  Until([&] { return HasEndedWith(server, "Canceled"); });
}

TEST(ServerTest, TooLargeMessageIsRefusedAndTheServerLives) {
  const Server server;
  EXPECT_EQ(server.GetJob(std::string(kMaxMessageBytes + 1, 'x')).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(server.GetJob("jobs/1").ok());
}

TEST(ServerTest, ReflectionListsTheServices) {
  const Server server;
  // ServerReflectionRequest{list_services: "*"}; the answer holds the names as plain strings.
  const std::string request = "\x3a\x01*";
  grpc::GenericStub stub(server.channel());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(next());
  grpc::Slice slice(request);
  call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
  ASSERT_TRUE(next());
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  ASSERT_TRUE(next());
  grpc::Slice whole;
  ASSERT_TRUE(response.DumpToSingleSlice(&whole).ok());
  const std::string text(reinterpret_cast<const char*>(whole.begin()), whole.size());
  EXPECT_THAT(text, AllOf(HasSubstr(kJobs), HasSubstr("grpc.health.v1.Health")));
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(next());
}

TEST(ServerTest, LogsAreJsonWithTimeSeverityAndMessage) {
  const Server server;
  const nlohmann::json line = server.LogLine("listening");
  EXPECT_EQ(line["severity"], "INFO");
  EXPECT_EQ(line["port"], server.port());
  EXPECT_THAT(line["time"].get<std::string>(), EndsWith("Z"));
}

}  // namespace
}  // namespace recsae
