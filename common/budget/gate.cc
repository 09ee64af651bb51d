#include "common/budget/gate.h"

#include <chrono>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/caller.h"
#include "common/base/status.h"

namespace recsae {
namespace {

// How often a call that waits asks whether anybody waits for it.
constexpr std::chrono::milliseconds kAskCaller{50};
// What a caller that was turned away is asked to let pass.
constexpr int kRetryAfterMs = 250;

}  // namespace

absl::StatusOr<Gate::Permit> Gate::Enter() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (counts_.running >= limits_.running) {
    if (counts_.waiting >= limits_.waiting) return Overloaded();
    ++counts_.waiting;
    const absl::Cleanup waited = [this] { --counts_.waiting; };
    const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(limits_.patience);
    while (
        !left_.wait_for(lock, kAskCaller, [this] { return counts_.running < limits_.running; })) {
      RECSAE_RETURN_IF_ERROR(CheckCaller());
      if (std::chrono::steady_clock::now() >= end) return Overloaded();
    }
  }
  ++counts_.running;
  return Permit(this);
}

Gate::Counts Gate::counts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

void Gate::Leave() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    --counts_.running;
  }
  left_.notify_one();
}

absl::Status Gate::Overloaded() {
  ++counts_.rejected;
  return Error(absl::StatusCode::kResourceExhausted, "OVERLOADED",
               absl::StrCat("the server is busy: ", counts_.running, " calls of ", name_,
                            " run and ", counts_.waiting,
                            " wait; call again after a while, or raise --max-concurrent-calls"),
               {{"gate", name_}, {"retry_after_ms", absl::StrCat(kRetryAfterMs)}});
}

}  // namespace recsae
