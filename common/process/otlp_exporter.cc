#include "common/process/otlp_exporter.h"

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"

namespace recsae {
namespace {

constexpr size_t kBatchSpans = 512;
constexpr std::chrono::seconds kBatchWait(1);
// Also what a stop may have to wait for.
constexpr std::chrono::milliseconds kConnectTime(500);
constexpr std::chrono::seconds kAnswerTime(5);
constexpr std::chrono::milliseconds kStopAgain(10);

constexpr char kScheme[] = "http://";
constexpr char kTracesPath[] = "/v1/traces";

}  // namespace

absl::StatusOr<OtlpEndpoint> ParseOtlpEndpoint(absl::string_view text) {
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, kScheme)) {
    const absl::string_view address = rest.substr(0, rest.find('/'));
    absl::string_view path = rest.substr(address.size());
    while (absl::ConsumeSuffix(&path, "/")) {
    }
    const size_t colon = address.rfind(':');
    int port = 0;
    if (colon != absl::string_view::npos && colon > 0 &&
        absl::SimpleAtoi(address.substr(colon + 1), &port) && port > 0 && port < 65536 &&
        path.find_first_of("?# ") == absl::string_view::npos) {
      return OtlpEndpoint{absl::StrCat(kScheme, address), absl::StrCat(path, kTracesPath)};
    }
  }
  return Error(absl::StatusCode::kInvalidArgument, "OTLP_ENDPOINT_INVALID",
               absl::StrCat("'", text,
                            "' is not where an OpenTelemetry collector takes OTLP over HTTP: "
                            "http://HOST:PORT, usually http://127.0.0.1:4318"));
}

// One connection at a time, kept open.
class OtlpExporter::Connection {
 public:
  explicit Connection(const OtlpEndpoint& endpoint) : client_(endpoint.host), path_(endpoint.path) {
    client_.set_connection_timeout(kConnectTime);
    client_.set_read_timeout(kAnswerTime);
    client_.set_write_timeout(kAnswerTime);
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
  }

  struct Answer {
    std::string failure;   // empty if the collector took it
    int64_t rejected = 0;  // spans that it did not take all the same
  };
  Answer Post(const std::string& body) {
    const httplib::Result result = client_.Post(path_, body, "application/json");
    if (!result) return {.failure = httplib::to_string(result.error())};
    if (result->status / 100 != 2) {
      return {.failure = absl::StrCat("HTTP status ", result->status)};
    }
    return {.failure = "", .rejected = RejectedSpans(result->body)};
  }

  // Ends a Post that is going on.
  void Stop() { client_.stop(); }

 private:
  httplib::Client client_;
  const std::string path_;
};

OtlpExporter::OtlpExporter(OtlpEndpoint endpoint, SpanSource source, Counter dropped)
    : endpoint_(std::move(endpoint)),
      source_(std::move(source)),
      dropped_(dropped),
      connection_(std::make_unique<Connection>(endpoint_)),
      thread_([this] { Run(); }) {}

OtlpExporter::~OtlpExporter() { Stop(absl::ZeroDuration()); }

void OtlpExporter::Take(Span span) noexcept {
  const absl::Status taken = Contain("a span", [&] {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_ || waiting_.size() >= kMaxWaitingSpans) {
      dropped_.Increment();
      return absl::OkStatus();
    }
    waiting_.push_back(std::move(span));
    if (waiting_.size() == kBatchSpans) changed_.notify_all();
    return absl::OkStatus();
  });
  if (!taken.ok()) dropped_.Increment();
}

void OtlpExporter::Stop(absl::Duration limit) {
  if (!thread_.joinable()) return;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, absl::ToChronoNanoseconds(limit), [this] { return ended_; });
    dropped_.Increment(static_cast<double>(waiting_.size()));
    waiting_.clear();
    // Again, for a Post that has only begun.
    while (!changed_.wait_for(lock, kStopAgain, [this] { return ended_; })) {
      lock.unlock();
      connection_->Stop();
      lock.lock();
    }
  }
  thread_.join();
}

std::vector<Span> OtlpExporter::NextBatch() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, kBatchWait,
                    [this] { return stopping_ || waiting_.size() >= kBatchSpans; });
  std::vector<Span> batch;
  const auto end =
      waiting_.begin() + static_cast<ptrdiff_t>(std::min(waiting_.size(), kBatchSpans));
  batch.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  ended_ = stopping_ && batch.empty();
  if (ended_) changed_.notify_all();
  return batch;
}

void OtlpExporter::Run() {
  while (true) {
    std::vector<Span> batch;
    // For want of memory they wait for another time.
    Contain("a batch of spans", [&] {
      batch = NextBatch();
      return absl::OkStatus();
    }).IgnoreError();
    if (batch.empty()) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (ended_) return;
      continue;
    }
    const absl::Status sent = Contain("sending spans", [&] {
      Send(batch);
      return absl::OkStatus();
    });
    if (!sent.ok()) dropped_.Increment(static_cast<double>(batch.size()));
  }
}

// Not tried again: what comes next is worth as much.
void OtlpExporter::Send(const std::vector<Span>& batch) {
  const auto [failure, rejected] = connection_->Post(OtlpJson(source_, batch));
  const bool was_away = std::exchange(away_, !failure.empty());
  dropped_.Increment(away_ ? static_cast<double>(batch.size()) : static_cast<double>(rejected));
  if (away_ == was_away) return;
  if (away_) {
    Log(Severity::kWarning, "spans are dropped: the collector does not take them",
        {{"endpoint", endpoint_.host}, {"path", endpoint_.path}, {"why", failure}});
  } else {
    Log(Severity::kInfo, "the collector takes spans again", {{"endpoint", endpoint_.host}});
  }
}

}  // namespace recsae
