// Calls again what failed for a passing reason.
#ifndef RECSAE_COMMON_CLIENT_RETRY_H_
#define RECSAE_COMMON_CLIENT_RETRY_H_

#include <functional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace grpc {
class ClientContext;
}  // namespace grpc

namespace recsae {

// Gives up on the call `timeout` from now.
void SetDeadline(grpc::ClientContext& context, absl::Duration timeout);

// When and how often to call again. Waits grow by `factor` from `first_wait` to `longest_wait`,
// each taken at random between half and all of itself so that many clients do not come back at
// once.
struct RetryOptions {
  // Attempts in all.
  int attempts = 5;
  absl::Duration first_wait = absl::Milliseconds(100);
  absl::Duration longest_wait = absl::Seconds(5);
  double factor = 2;
  // Also retry RESOURCE_EXHAUSTED. Off by default: for most calls of the suite it means that the
  // request is too large, which no repetition changes. (A server that is busy, OVERLOADED, is
  // called again in any case.)
  bool retry_resource_exhausted = false;
  // No attempt begins so long after the first one, or after the last that `progressed`: a peer that
  // hangs takes long to fail.
  absl::Duration give_up_after = absl::InfiniteDuration();
  // Whether the attempt that has failed got further than the one before; attempts and waits begin
  // anew then. For streams that go on where they broke off.
  std::function<bool()> progressed;
  // Whether the caller itself no longer wants the answer. Polled every 20 ms while waiting; true
  // ends the retries with CANCELLED. Where it is set, a call that ends with CANCELLED while it is
  // false was cancelled by its peer, as servers that stop do with their open streams, and counts as
  // UNAVAILABLE.
  std::function<bool()> cancelled;
};

// True for what the contract documents as retryable: UNAVAILABLE, the reason OVERLOADED, and
// RESOURCE_EXHAUSTED where the options say so.
bool IsRetryable(const absl::Status& status, const RetryOptions& options = {});

// Calls `call` until it succeeds, fails for good, or the attempts are used up; returns its last
// status, or UNAVAILABLE (PEER_UNAVAILABLE) where its peer cancelled it. `call` must be safe to
// repeat (idempotent, or carrying a request_id).
absl::Status Retry(const RetryOptions& options, absl::FunctionRef<absl::Status()> call);

}  // namespace recsae

#endif  // RECSAE_COMMON_CLIENT_RETRY_H_
