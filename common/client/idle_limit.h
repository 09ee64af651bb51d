// Ends a stream of another service that has gone silent.
#ifndef RECSAE_COMMON_CLIENT_IDLE_LIMIT_H_
#define RECSAE_COMMON_CLIENT_IDLE_LIMIT_H_

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "absl/time/time.h"

namespace grpc {
class ClientContext;
}  // namespace grpc

namespace recsae {

// How long a job waits for an answer, or for a stream's next message, before it takes the peer for
// hung.
inline constexpr absl::Duration kPeerPatience = absl::Seconds(60);

// A deadline can only be set for a whole call; this one is for each message. Cancels the call when
// more than `limit` has passed since Start without a Stop or another Start. Thread-safe; the
// context must outlive it.
class IdleLimit {
 public:
  IdleLimit(grpc::ClientContext& context, absl::Duration limit);
  IdleLimit(const IdleLimit&) = delete;
  IdleLimit& operator=(const IdleLimit&) = delete;

  void Start();
  void Stop();
  // Whether it has cancelled the call.
  bool exceeded() const;

 private:
  using Clock = std::chrono::steady_clock;

  void Watch(const std::stop_token& stop);

  grpc::ClientContext& context_;
  const std::chrono::nanoseconds limit_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool started_ = false;
  bool exceeded_ = false;
  Clock::time_point end_;
  std::jthread thread_;  // last: ends before what it uses
};

}  // namespace recsae

#endif  // RECSAE_COMMON_CLIENT_IDLE_LIMIT_H_
