// Sends spans to an OpenTelemetry collector: OTLP over HTTP, in JSON.
#ifndef RECSAE_COMMON_PROCESS_OTLP_EXPORTER_H_
#define RECSAE_COMMON_PROCESS_OTLP_EXPORTER_H_

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/process/otlp_json.h"
#include "common/rpc/metrics.h"
#include "common/rpc/spans.h"

namespace recsae {

// Spans that wait to be sent; what comes beyond that is dropped, and counted.
inline constexpr size_t kMaxWaitingSpans = 4096;

// Where a collector is.
struct OtlpEndpoint {
  std::string host;  // "http://127.0.0.1:4318"
  std::string path;  // "/v1/traces", below the path that was given
};

// "http://HOST:PORT", with a path or without. INVALID_ARGUMENT (OTLP_ENDPOINT_INVALID) for anything
// else: a collector in plaintext belongs on the same machine, and takes them further.
absl::StatusOr<OtlpEndpoint> ParseOtlpEndpoint(absl::string_view text);

// Takes spans as they come and sends them in batches from a thread of its own, whatever the
// collector does: one that is away costs what waits meanwhile, never a call. Thread-safe.
class OtlpExporter final : public SpanReceiver {
 public:
  // Starts to send. `dropped` counts the spans that never will be.
  OtlpExporter(OtlpEndpoint endpoint, SpanSource source, Counter dropped);
  // Stops, without waiting for what has not been sent.
  ~OtlpExporter() override;

  void Take(Span span) noexcept override;

  // Sends what waits, for at most `limit`, and ends. What comes later is dropped.
  void Stop(absl::Duration limit);

 private:
  class Connection;

  void Run();
  // What to send next: once there is enough of it or the time for it has come; empty at the end.
  std::vector<Span> NextBatch();
  void Send(const std::vector<Span>& batch);

  const OtlpEndpoint endpoint_;
  const SpanSource source_;
  const Counter dropped_;
  const std::unique_ptr<Connection> connection_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Span> waiting_;
  bool stopping_ = false;
  bool ended_ = false;  // the thread has nothing more to send
  bool away_ = false;   // the last batch could not be sent; its thread's own
  std::thread thread_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_OTLP_EXPORTER_H_
