#include "common/budget/gate.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <tuple>

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

struct Gate::Waiter {
  enum class State { kWaits, kHasTurn, kDisplaced };

  explicit Waiter(Shares::iterator whose) : share(whose) {}

  const Shares::iterator share;
  State state = State::kWaits;
  std::condition_variable changed;
};

absl::StatusOr<Gate::Permit> Gate::Enter() {
  const std::string party = CallerParty();
  std::unique_lock<std::mutex> lock(mutex_);
  const auto share = shares_.try_emplace(party).first;
  if (counts_.running < limits_.running) {
    GiveTurn(share->second);
    return Permit(this, share);
  }
  auto permit = counts_.waiting < limits_.waiting || Displace(share->second)
                    ? Wait(lock, share)
                    : Overloaded(share->second);
  if (!permit.ok()) Forget(share);
  return permit;
}

absl::StatusOr<Gate::Permit> Gate::Wait(std::unique_lock<std::mutex>& lock,
                                        Shares::iterator share) {
  using State = Waiter::State;
  Waiter waiter(share);
  const auto place = waiting_.insert(waiting_.end(), &waiter);
  ++share->second.waiting;
  ++counts_.waiting;
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(limits_.patience);
  while (
      !waiter.changed.wait_for(lock, kAskCaller, [&] { return waiter.state != State::kWaits; })) {
    absl::Status refused = CheckCaller();
    if (refused.ok() && std::chrono::steady_clock::now() >= end) {
      refused = Overloaded(share->second);
    }
    if (refused.ok()) continue;
    TakeOut(place);
    return refused;
  }
  if (waiter.state == State::kHasTurn) return Permit(this, share);
  --share->second.displaced;
  return Overloaded(share->second);
}

void Gate::GiveTurn(Share& share) {
  ++counts_.running;
  ++share.running;
  share.last_turn = ++turns_;
}

void Gate::Leave(Shares::iterator share) {
  const std::lock_guard<std::mutex> lock(mutex_);
  --counts_.running;
  --share->second.running;
  Forget(share);
  if (waiting_.empty()) return;
  const auto next = std::min_element(waiting_.begin(), waiting_.end(), [](Waiter* a, Waiter* b) {
    const Share &x = a->share->second, &y = b->share->second;
    return std::tie(x.running, x.last_turn) < std::tie(y.running, y.last_turn);
  });
  Waiter& waiter = **next;
  TakeOut(next);
  GiveTurn(waiter.share->second);
  waiter.state = Waiter::State::kHasTurn;
  waiter.changed.notify_one();
}

bool Gate::Displace(const Share& by) {
  if (waiting_.empty()) return false;
  // The first of equal ones: the newest, as this goes backwards.
  const auto most = std::max_element(waiting_.rbegin(), waiting_.rend(), [](Waiter* a, Waiter* b) {
    return a->share->second.places() < b->share->second.places();
  });
  Waiter& waiter = **most;
  if (waiter.share->second.places() < by.places() + 2) return false;
  TakeOut(std::prev(most.base()));
  ++waiter.share->second.displaced;
  ++counts_.displaced;
  waiter.state = Waiter::State::kDisplaced;
  waiter.changed.notify_one();
  return true;
}

void Gate::TakeOut(std::list<Waiter*>::iterator waiter) {
  --(*waiter)->share->second.waiting;
  --counts_.waiting;
  waiting_.erase(waiter);
}

void Gate::Forget(Shares::iterator share) {
  if (share->second.places() + share->second.displaced == 0) shares_.erase(share);
}

Gate::Counts Gate::counts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  Counts counts = counts_;
  counts.callers = static_cast<int>(shares_.size());
  return counts;
}

absl::Status Gate::Overloaded(const Share& share) {
  ++counts_.rejected;
  return Error(absl::StatusCode::kResourceExhausted, "OVERLOADED",
               absl::StrCat("the server is busy: ", counts_.running, " calls of ", name_,
                            " run and ", counts_.waiting, " wait, ", share.places(),
                            " of them of this caller; call again after a while, or raise "
                            "--max-concurrent-calls"),
               {{"gate", name_}, {"retry_after_ms", absl::StrCat(kRetryAfterMs)}});
}

}  // namespace recsae
