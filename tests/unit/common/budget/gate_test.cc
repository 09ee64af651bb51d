#include "common/budget/gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
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
