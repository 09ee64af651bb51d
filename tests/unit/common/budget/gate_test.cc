#include "common/budget/gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/caller.h"
#include "common/base/status.h"

namespace recsae {
namespace {

void Until(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST(Gate, LetsAsManyRunAsMayAndTurnsTheRestAway) {
  Gate gate("explain", {.running = 2, .waiting = 0});
  auto first = gate.Enter();
  auto second = gate.Enter();
  ASSERT_TRUE(first.ok() && second.ok());
  const absl::Status third = gate.Enter().status();
  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(third), "OVERLOADED");
  EXPECT_EQ(gate.counts().rejected, 1);
  { const Gate::Permit left = *std::move(first); }
  EXPECT_TRUE(gate.Enter().ok());
}

TEST(Gate, OneThatWaitsRunsWhenAnotherLeaves) {
  Gate gate("explain", {.running = 1, .waiting = 1, .patience = absl::Seconds(30)});
  auto first = gate.Enter();
  std::atomic<bool> ran{false};
  std::thread waiting([&] {
    const auto permit = gate.Enter();
    ran = permit.ok();
  });
  Until([&] { return gate.counts().waiting == 1; });
  EXPECT_EQ(Reason(gate.Enter().status()), "OVERLOADED");
  { const Gate::Permit left = *std::move(first); }
  waiting.join();
  EXPECT_TRUE(ran);
  EXPECT_EQ(gate.counts().running, 0);
  EXPECT_EQ(gate.counts().waiting, 0);
}

TEST(Gate, WaitsNoLongerThanItsPatienceNorThanItsCaller) {
  Gate gate("explain", {.running = 1, .waiting = 5, .patience = absl::Milliseconds(120)});
  const auto running = gate.Enter();
  EXPECT_EQ(Reason(gate.Enter().status()), "OVERLOADED");
  Gate patient("explain", {.running = 1, .waiting = 5, .patience = absl::Seconds(600)});
  const auto there = patient.Enter();
  const CallerScope gone([] { return absl::CancelledError("gone"); });
  EXPECT_EQ(patient.Enter().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(patient.counts().waiting, 0);
}

// A caller by name, who asks for one turn and keeps it until told.
class Call {
 public:
  Call(Gate& gate, std::string name)
      : thread_([this, &gate, name = std::move(name)] {
          const CallerScope caller([] { return absl::OkStatus(); }, [name] { return name; });
          const auto permit = gate.Enter();
          status_ = permit.status();
          answered_ = true;
          if (permit.ok()) Until([this] { return done_.load(); });
        }) {}
  ~Call() {
    done_ = true;
    thread_.join();
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool answered() const { return answered_; }
  absl::Status status() const { return status_; }  // once it is answered

 private:
  std::atomic<bool> answered_{false};
  std::atomic<bool> done_{false};
  absl::Status status_;
  std::thread thread_;
};

TEST(Gate, AFullQueueOfOneCallerHasRoomForAnother) {
  Gate gate("explain", {.running = 1, .waiting = 2, .patience = absl::Seconds(60)});
  std::optional<Call> runs(std::in_place, gate, "flood");
  Until([&] { return runs->answered(); });
  Call waits(gate, "flood");
  Until([&] { return gate.counts().waiting == 1; });
  Call newest(gate, "flood");
  Until([&] { return gate.counts().waiting == 2; });
  std::optional<Call> other(std::in_place, gate, "other");
  Until([&] { return newest.answered(); });
  EXPECT_EQ(Reason(newest.status()), "OVERLOADED");
  EXPECT_EQ(gate.counts().displaced, 1);
  EXPECT_EQ(gate.counts().callers, 2);
  // The place that is left is not given to the flood again, nor taken from `other`.
  {
    const CallerScope flood([] { return absl::OkStatus(); }, [] { return "flood"; });
    EXPECT_EQ(Reason(gate.Enter().status()), "OVERLOADED");
  }
  // The next turn is of who had none, not of who came first.
  runs.reset();
  Until([&] { return other->answered(); });
  EXPECT_TRUE(other->status().ok());
  EXPECT_FALSE(waits.answered());
  other.reset();
  Until([&] { return waits.answered(); });
  EXPECT_TRUE(waits.status().ok());
  EXPECT_EQ(gate.counts().rejected, 2);
}

TEST(Gate, CallersAreNamesAndElseAddresses) {
  const auto ok = [] { return absl::OkStatus(); };
  EXPECT_EQ(CallerParty(), "");
  const CallerScope nameless(
      ok, [] { return ""; }, [] { return "ipv4:10.0.0.7"; });
  EXPECT_EQ(CallerParty(), "ipv4:10.0.0.7");
  const CallerScope named(
      ok, [] { return "ann"; }, [] { return "ipv4:10.0.0.7"; });
  EXPECT_EQ(CallerParty(), "ann");
}

TEST(Gate, AFloodDoesNotKeepOthersFromTheirTurns) {
  Gate gate("explain", {.running = 2, .waiting = 4, .patience = absl::Seconds(60)});
  std::atomic<bool> stop{false};
  std::atomic<int> flooded{0};
  std::vector<std::thread> flood;
  for (int i = 0; i < 16; ++i) {
    flood.emplace_back([&] {
      const CallerScope caller([] { return absl::OkStatus(); }, [] { return "flood"; });
      while (!stop) {
        const auto permit = gate.Enter();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (permit.ok()) ++flooded;
      }
    });
  }
  Until([&] { return gate.counts().waiting == 4; });
  const CallerScope caller([] { return absl::OkStatus(); }, [] { return "other"; });
  for (int i = 0; i < 200; ++i) {
    const auto permit = gate.Enter();
    ASSERT_TRUE(permit.ok()) << permit.status();
  }
  stop = true;
  for (std::thread& thread : flood) thread.join();
  EXPECT_GT(flooded, 0);
  EXPECT_EQ(gate.counts().callers, 0);
}

TEST(Gate, NeverLetsMoreRunThanMay) {
  Gate gate("explain", {.running = 3, .waiting = 100, .patience = absl::Seconds(60)});
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const auto permit = gate.Enter();
        ASSERT_TRUE(permit.ok());
        const int now = ++running;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --running;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 3);
}

}  // namespace
}  // namespace recsae
