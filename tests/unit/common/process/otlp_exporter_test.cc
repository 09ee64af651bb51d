// Spans on their way to a collector: one that takes them, one that is away, one that hangs.
#include "common/process/otlp_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"

namespace recsae {
namespace {

using Json = nlohmann::json;

Span Named(const std::string& name) {
  Span span;
  span.context = *ParseTraceParent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  span.name = name;
  span.start = absl::FromUnixSeconds(1'700'000'000);
  span.end = span.start + absl::Nanoseconds(1'500'000'001);
  return span;
}

// Answers each POST with `status`, after a while if it is told to hang.
class Collector {
 public:
  explicit Collector(int status = 200) {
    server_.Post("/v1/traces",
                 [this, status](const httplib::Request& request, httplib::Response& response) {
                   while (hangs) std::this_thread::sleep_for(std::chrono::milliseconds(5));
                   const std::lock_guard<std::mutex> lock(mutex_);
                   types_.push_back(request.get_header_value("Content-Type"));
                   Json body = Json::parse(request.body);
                   for (Json& span : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) {
                     spans_.push_back(std::move(span));
                   }
                   response.status = status;
                 });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~Collector() {
    hangs = false;
    server_.stop();
    thread_.join();
  }

  OtlpEndpoint endpoint() const {
    return ParseOtlpEndpoint(absl::StrCat("http://127.0.0.1:", port_)).value();
  }
  std::vector<Json> spans() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return spans_;
  }
  std::vector<std::string> types() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return types_;
  }

  std::atomic<bool> hangs = false;

 private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<Json> spans_;
  std::vector<std::string> types_;
};

class OtlpExporterTest : public ::testing::Test {
 protected:
  std::unique_ptr<OtlpExporter> Exporter(OtlpEndpoint endpoint) {
    return std::make_unique<OtlpExporter>(std::move(endpoint), SpanSource{"test", "1", "i"},
                                          dropped_);
  }

  MetricsRegistry metrics_;
  const Counter dropped_ = metrics_.GetCounter("dropped", "");
};

TEST(OtlpEndpointTest, IsAnAddressInPlaintext) {
  EXPECT_EQ(ParseOtlpEndpoint("http://127.0.0.1:4318")->path, "/v1/traces");
  EXPECT_EQ(ParseOtlpEndpoint("http://otel.mesh:80/in/")->host, "http://otel.mesh:80");
  EXPECT_EQ(ParseOtlpEndpoint("http://otel.mesh:80/in/")->path, "/in/v1/traces");
  for (const char* bad : {"", "127.0.0.1:4318", "https://127.0.0.1:4318", "http://", "http://:1",
                          "http://host", "http://host:x", "http://host:0", "http://host:1/?a"}) {
    EXPECT_EQ(Reason(ParseOtlpEndpoint(bad).status()), "OTLP_ENDPOINT_INVALID") << bad;
  }
}

TEST(OtlpJsonTest, IsWhatTheProtocolSays) {
  Span span = Named("a.B/C");
  span.kind = Span::Kind::kServer;
  span.parent_id = 0xab;
  span.failed = true;
  span.error = "INTERNAL";
  span.attributes = {{"rpc.system", "grpc"}, {"bytes", "\xff"}};
  span.numbers = {{"rpc.grpc.status_code", 13}};
  EXPECT_EQ(Json::parse(OtlpJson({"recsae-probe", "1.2", "id"}, {span})), Json::parse(R"({
    "resourceSpans": [{
      "resource": {"attributes": [
        {"key": "service.name", "value": {"stringValue": "recsae-probe"}},
        {"key": "service.version", "value": {"stringValue": "1.2"}},
        {"key": "service.instance.id", "value": {"stringValue": "id"}}]},
      "scopeSpans": [{
        "scope": {"name": "recsae", "version": "1.2"},
        "spans": [{
          "traceId": "0af7651916cd43dd8448eb211c80319c",
          "spanId": "b7ad6b7169203331",
          "parentSpanId": "00000000000000ab",
          "flags": 1,
          "name": "a.B/C",
          "kind": 2,
          "startTimeUnixNano": "1700000000000000000",
          "endTimeUnixNano": "1700000001500000001",
          "attributes": [
            {"key": "rpc.system", "value": {"stringValue": "grpc"}},
            {"key": "bytes", "value": {"stringValue": "�"}},
            {"key": "rpc.grpc.status_code", "value": {"intValue": "13"}}],
          "status": {"code": 2, "message": "INTERNAL"}}]}]}]})"));
  // Neither a parent nor a status.
  const Json first = Json::parse(OtlpJson({}, {Named("a")}));
  const Json& alone = first["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  EXPECT_FALSE(alone.contains("parentSpanId"));
  EXPECT_EQ(alone["status"], Json::object());
}

TEST(OtlpJsonTest, OfAnAnswerWhatWasNotTaken) {
  EXPECT_EQ(RejectedSpans(R"({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "x"}})"), 3);
  EXPECT_EQ(RejectedSpans(R"({"partialSuccess": {"rejectedSpans": 3}})"), 3);
  for (const char* none :
       {"", "{}", "[]", "{", "\xff", R"({"partialSuccess": {}})", R"({"partialSuccess": 1})",
        R"({"partialSuccess": {"rejectedSpans": "x"}})",
        R"({"partialSuccess": {"rejectedSpans": -1}})"}) {
    EXPECT_EQ(RejectedSpans(none), 0) << none;
  }
}

TEST_F(OtlpExporterTest, SendsWhatItTookAlsoTheLast) {
  Collector collector;
  const auto exporter = Exporter(collector.endpoint());
  for (int i = 0; i < 1200; ++i) exporter->Take(Named(absl::StrCat(i)));
  exporter->Stop(absl::Seconds(20));
  const std::vector<Json> spans = collector.spans();
  ASSERT_EQ(spans.size(), 1200u);
  for (int i = 0; i < 1200; ++i) EXPECT_EQ(spans[i]["name"], absl::StrCat(i));
  EXPECT_THAT(collector.types(), ::testing::Each("application/json"));
  EXPECT_LE(collector.types().size(), 6u);
  EXPECT_EQ(dropped_.value(), 0);
  exporter->Take(Named("late"));
  EXPECT_EQ(dropped_.value(), 1);
}

TEST_F(OtlpExporterTest, SendsWithoutBeingAskedTo) {
  Collector collector;
  const auto exporter = Exporter(collector.endpoint());
  exporter->Take(Named("a"));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (collector.spans().empty()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

TEST_F(OtlpExporterTest, WhatACollectorDoesNotTakeIsCountedAndSaidOnce) {
  Collector collector(503);
  ::testing::internal::CaptureStderr();
  {
    const auto exporter = Exporter(collector.endpoint());
    for (int i = 0; i < 600; ++i) exporter->Take(Named("a"));
    exporter->Stop(absl::Seconds(20));
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(dropped_.value(), 600);
  EXPECT_NE(log.find("HTTP status 503"), std::string::npos) << log;
  EXPECT_EQ(log.find("spans are dropped"), log.rfind("spans are dropped"));
}

TEST_F(OtlpExporterTest, OneThatHangsCostsNobodyAnything) {
  Collector collector;
  collector.hangs = true;
  const auto exporter = Exporter(collector.endpoint());
  const auto start = std::chrono::steady_clock::now();
  for (size_t i = 0; i < 3 * kMaxWaitingSpans; ++i) exporter->Take(Named("a"));
  EXPECT_GE(dropped_.value(), kMaxWaitingSpans);
  exporter->Stop(absl::Milliseconds(100));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
  EXPECT_EQ(dropped_.value(), 3 * kMaxWaitingSpans);
}

TEST_F(OtlpExporterTest, OneThatIsAwayCostsNobodyAnything) {
  const auto exporter = Exporter(ParseOtlpEndpoint("http://127.0.0.1:1").value());
  exporter->Take(Named("a"));
  exporter->Stop(absl::Seconds(20));
  EXPECT_EQ(dropped_.value(), 1);
}

}  // namespace
}  // namespace recsae
