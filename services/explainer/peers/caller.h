// On whose behalf other services are called: an RPC's caller, a job, or the explainer itself.
#ifndef RECSAE_SERVICES_EXPLAINER_PEERS_CALLER_H_
#define RECSAE_SERVICES_EXPLAINER_PEERS_CALLER_H_

#include <functional>
#include <stop_token>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/client/idle_limit.h"

namespace grpc {
class ClientContext;
class ServerContextBase;
}  // namespace grpc

namespace recsae {
class JobContext;
}  // namespace recsae

namespace recsae::explainer {

// Thread-safe. What it was made from must outlive it.
class Caller {
 public:
  // The caller of an RPC: its deadline and cancellation reach the peers. Nothing is retried, that
  // is for the caller to decide.
  explicit Caller(const grpc::ServerContextBase* server_context) : server_(server_context) {}
  // A job: its cancellation reaches the peers. UNAVAILABLE is retried for about 20 seconds, so that
  // a peer may restart meanwhile. One that is silent for `patience` counts as UNAVAILABLE too; no
  // attempt begins later than that after the first, so that a peer that hangs fails the job.
  explicit Caller(const JobContext& job, absl::Duration patience = kPeerPatience)
      : job_(&job), timeout_(patience) {}
  // The explainer's own upkeep: each call may take `timeout` and ends at once when `stop` is
  // requested; nothing is retried.
  Caller(absl::Duration timeout, std::stop_token stop)
      : timeout_(timeout), stop_(std::move(stop)) {}

  // OK, or why the work should end: CANCELLED, DEADLINE_EXCEEDED, or ABORTED (the process stops).
  absl::Status Alive() const;

  // Runs `call` with a fresh client context; for a job again after UNAVAILABLE, so `call` must be
  // safe to repeat. A call that failed because the caller has gone returns Alive().
  absl::Status Call(absl::FunctionRef<absl::Status(grpc::ClientContext&)> call) const;

  // The same for a call that reads a stream: it says `heard` after each message, so that a job's
  // patience is for each of them and not for all. `goes_on`: a repeated call takes the stream up
  // where it broke off, so that its attempts count from the last message on.
  using Heard = absl::FunctionRef<void()>;
  absl::Status Stream(absl::FunctionRef<absl::Status(grpc::ClientContext&, Heard heard)> call,
                      bool goes_on = false) const;

 private:
  absl::Status Repeat(absl::FunctionRef<absl::Status()> call,
                      std::function<bool()> progressed) const;
  absl::Status CallOnce(absl::FunctionRef<absl::Status(grpc::ClientContext&)> call) const;
  absl::Status StreamOnce(absl::FunctionRef<absl::Status(grpc::ClientContext&, Heard)> call,
                          Heard heard) const;

  const grpc::ServerContextBase* server_ = nullptr;
  const JobContext* job_ = nullptr;
  absl::Duration timeout_ = absl::InfiniteDuration();
  std::stop_token stop_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_PEERS_CALLER_H_
