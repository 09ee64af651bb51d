// Permits are taken before work and given back; a refusal says what was wanted and what to lower.
#include "common/budget/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "common/base/random.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"

namespace recsae {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(MemoryBudget, TakesAndGivesBack) {
  MemoryBudget budget(100);
  {
    const absl::StatusOr<Permit> permit = budget.Take(60, "a", "x");
    ASSERT_TRUE(permit.ok());
    EXPECT_EQ(budget.taken(), 60);
    EXPECT_FALSE(budget.Take(41, "b", "x").ok());
    EXPECT_TRUE(budget.Take(40, "b", "x").ok());
  }
  EXPECT_EQ(budget.taken(), 0);
  EXPECT_TRUE(budget.Take(100, "c", "x").ok());
}

TEST(MemoryBudget, RefusalSaysWhatWasWantedAndWhatToLower) {
  MemoryBudget budget(2 * kGib);
  const absl::StatusOr<Permit> other = budget.Take(kGib, "other", "x");
  const absl::Status large = budget.Take(34 * kGib, "saes/a", "config.latents").status();
  EXPECT_EQ(large.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(large), "MEMORY_BUDGET");
  EXPECT_EQ(large.message(),
            "saes/a would take about 34.0 GiB, but 1.0 GiB of the 2.0 GiB that this server may use "
            "are free; lower config.latents, or raise --memory-limit");
  EXPECT_THAT(Metadata(large),
              ElementsAre(Pair("estimate_bytes", "36507222016"), Pair("free_bytes", "1073741824"),
                          Pair("limit_bytes", "2147483648"), Pair("lower", "config.latents")));
  const absl::Status busy = budget.Take(2 * kGib, "b", "x").status();
  EXPECT_THAT(busy.message(), HasSubstr("try again when other work has ended"));
  EXPECT_THAT(large.message(), Not(HasSubstr("try again")));
}

TEST(MemoryBudget, ChecksARequestThatStartsLater) {
  MemoryBudget budget(100);
  const absl::StatusOr<Permit> other = budget.Take(90, "other", "x");
  EXPECT_TRUE(budget.CheckFits(100, "a", "x").ok());
  EXPECT_EQ(Reason(budget.CheckFits(101, "a", "x")), "MEMORY_BUDGET");
  EXPECT_FALSE(budget.CheckFits(kMostBytes, "a", "x").ok());
  EXPECT_FALSE(budget.Take(kMostBytes, "a", "x").ok());
  EXPECT_EQ(budget.taken(), 90);
}

TEST(MemoryBudget, APermitChangesItsSize) {
  MemoryBudget budget(100);
  absl::StatusOr<Permit> permit = budget.Take(10, "a", "x");
  EXPECT_TRUE(permit->Resize(80).ok());
  EXPECT_EQ(budget.taken(), 80);
  EXPECT_EQ(Reason(permit->Resize(101)), "MEMORY_BUDGET");
  EXPECT_EQ(permit->bytes(), 80);
  EXPECT_EQ(budget.taken(), 80);
  EXPECT_TRUE(permit->Resize(5).ok());
  Permit moved = *std::move(permit);
  EXPECT_EQ(moved.bytes(), 5);
  EXPECT_EQ(budget.taken(), 5);
  moved = Permit();
  EXPECT_EQ(budget.taken(), 0);
  EXPECT_TRUE(moved.Resize(1000).ok()) << "a permit of nothing counts nothing";
}

TEST(MemoryBudget, ManyThreadsNeverTakeMoreThanThereIs) {
  MemoryBudget budget(1000);
  std::atomic<int64_t> held = 0;
  std::atomic<int64_t> most = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(static_cast<uint64_t>(t));
      for (int i = 0; i < 5000; ++i) {
        const auto bytes = static_cast<int64_t>(random.Below(400));
        const absl::StatusOr<Permit> permit = budget.Take(bytes, "a", "x");
        if (!permit.ok()) continue;
        const int64_t now = held += bytes;
        for (int64_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        held -= bytes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 1000);
  EXPECT_EQ(budget.taken(), 0);
}

}  // namespace
}  // namespace recsae
