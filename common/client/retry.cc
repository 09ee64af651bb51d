#include "common/client/retry.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"

namespace recsae {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(20);

// False if cancelled meanwhile.
bool Wait(absl::Duration wait, const std::function<bool()>& cancelled) {
  const absl::Time end = absl::Now() + wait;
  while (true) {
    if (cancelled && cancelled()) return false;
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return true;
    absl::SleepFor(std::min(left, kPoll));
  }
}

}  // namespace

void SetDeadline(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
}

bool IsRetryable(const absl::Status& status, const RetryOptions& options) {
  return absl::IsUnavailable(status) || Reason(status) == "OVERLOADED" ||
         (options.retry_resource_exhausted && absl::IsResourceExhausted(status));
}

absl::Status Retry(const RetryOptions& options, absl::FunctionRef<absl::Status()> call) {
  absl::BitGen random;
  absl::Duration longest = options.first_wait;
  absl::Time begin = absl::Now();
  for (int attempt = 1;; ++attempt) {
    absl::Status status = call();
    if (options.progressed && options.progressed()) {
      attempt = 1;
      longest = options.first_wait;
      begin = absl::Now();
    }
    if (absl::IsCancelled(status) && options.cancelled && !options.cancelled()) {
      status = Error(absl::StatusCode::kUnavailable, "PEER_UNAVAILABLE",
                     absl::StrCat("a peer stopped in the middle of a call (", status.message(),
                                  "); is it starting again?"));
    }
    if (attempt >= options.attempts || !IsRetryable(status, options)) return status;
    if (absl::Now() - begin >= options.give_up_after) return status;
    if (!Wait(longest * absl::Uniform(random, 0.5, 1.0), options.cancelled)) {
      return Error(absl::StatusCode::kCancelled, "CALL_CANCELLED",
                   "cancelled while waiting to call again after: " + std::string(status.message()));
    }
    longest = std::min(longest * options.factor, options.longest_wait);
  }
}

}  // namespace recsae
