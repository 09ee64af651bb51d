// How many calls of a kind run at a time, and how many more may wait for their turn.
#ifndef RECSAE_COMMON_BUDGET_GATE_H_
#define RECSAE_COMMON_BUDGET_GATE_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace recsae {

// Thread-safe; outlives its permits. Turns are taken in no particular order.
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
    int64_t rejected = 0;
  };

  // The right to run, until its destruction.
  class Permit {
   public:
    explicit Permit(Gate* gate) : gate_(gate) {}
    Permit(Permit&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (gate_ != nullptr) gate_->Leave();
    }

   private:
    Gate* gate_;
  };

  // `name`: what passes here, "explain".
  Gate(std::string name, Limits limits) : name_(std::move(name)), limits_(limits) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Waits for a turn. RESOURCE_EXHAUSTED (OVERLOADED; metadata gate, retry_after_ms) at once where
  // as many wait as may, and after the patience; CheckCaller's status once nobody waits for the
  // call any more.
  absl::StatusOr<Permit> Enter();

  const std::string& name() const { return name_; }
  Counts counts() const;

 private:
  friend class Permit;
  void Leave();
  absl::Status Overloaded();

  const std::string name_;
  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable left_;
  Counts counts_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_BUDGET_GATE_H_
