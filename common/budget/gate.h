// How many calls of a kind run at a time, how many more may wait, and who is next.
#ifndef RECSAE_COMMON_BUDGET_GATE_H_
#define RECSAE_COMMON_BUDGET_GATE_H_

#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace recsae {

// Thread-safe; outlives its permits. Callers (CallerParty) share the turns: the next one is of who
// runs the fewest calls, and where that is equal of who had a turn the longest ago. A caller's own
// calls run in the order in which they came. Where no place to wait is left, who has the most calls
// here gives up their newest waiting one for somebody who has at least two fewer.
class Gate {
 public:
  struct Limits {
    int running = 48;
    int waiting = 48;
    // How long a call waits for its turn.
    absl::Duration patience = absl::Seconds(5);
  };

  // What has happened so far, and is happening.
  struct Counts {
    int running = 0;
    int waiting = 0;
    int callers = 0;  // whose calls run or wait
    int64_t rejected = 0;
    int64_t displaced = 0;  // of those rejected: they waited, and gave up their place
  };

 private:
  // What one caller has here. Kept as long as that is anything.
  struct Share {
    int running = 0;
    int waiting = 0;
    int displaced = 0;  // that do not know it yet
    int64_t last_turn = 0;
    int places() const { return running + waiting; }
  };
  using Shares = std::map<std::string, Share>;

 public:
  // The right to run, until its destruction.
  class Permit {
   public:
    Permit(Permit&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), share_(other.share_) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (gate_ != nullptr) gate_->Leave(share_);
    }

   private:
    friend class Gate;
    Permit(Gate* gate, Shares::iterator share) : gate_(gate), share_(share) {}
    Gate* gate_;
    Shares::iterator share_;
  };

  // `name`: what passes here, "explain".
  Gate(std::string name, Limits limits) : name_(std::move(name)), limits_(limits) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Waits for a turn. RESOURCE_EXHAUSTED (OVERLOADED; metadata gate, retry_after_ms) at once where
  // as many wait as may, when the place is given to another, and after the patience; CheckCaller's
  // status once nobody waits for the call any more.
  absl::StatusOr<Permit> Enter();

  const std::string& name() const { return name_; }
  Counts counts() const;

 private:
  struct Waiter;

  // All with the lock held.
  absl::StatusOr<Permit> Wait(std::unique_lock<std::mutex>& lock, Shares::iterator share);
  void GiveTurn(Share& share);
  bool Displace(const Share& by);
  void TakeOut(std::list<Waiter*>::iterator waiter);
  void Forget(Shares::iterator share);
  absl::Status Overloaded(const Share& share);

  void Leave(Shares::iterator share);

  const std::string name_;
  const Limits limits_;
  mutable std::mutex mutex_;
  Counts counts_;  // but for the callers
  Shares shares_;
  std::list<Waiter*> waiting_;  // in the order in which they came; none while there are turns
  int64_t turns_ = 0;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_BUDGET_GATE_H_
