// What ThreadSanitizer is to know of absl::Mutex (tsan_absl.cc): that each way to take it orders
// what is done under it, and that what is not done under it is found all the same.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace recsae {
namespace {

constexpr int kRounds = 1000;
constexpr int kReported = 66;  // what ThreadSanitizer ends a program with

template <typename First, typename Second>
void InTwoThreads(First first, Second second) {
  std::thread other(second);
  first();
  other.join();
}

// A program that ends as it would without this test's process around it.
template <typename Body>
[[noreturn]] void RunToEnd(Body body) {
  body();
  std::exit(0);
}

struct Guarded {
  absl::Mutex mutex;
  int64_t value = 0;
};

TEST(Tsan, LockAndUnlockOrder) {
  Guarded guarded;
  const auto add = [&] {
    for (int i = 0; i < kRounds; ++i) {
      const absl::MutexLock lock(&guarded.mutex);
      ++guarded.value;
    }
  };
  InTwoThreads(add, add);
  EXPECT_EQ(guarded.value, 2 * kRounds);
}

TEST(Tsan, TryLockOrders) {
  Guarded guarded;
  const auto add = [&] {
    for (int done = 0; done < kRounds;) {
      if (!guarded.mutex.TryLock()) continue;
      ++guarded.value;
      ++done;
      guarded.mutex.Unlock();
    }
  };
  InTwoThreads(add, add);
  EXPECT_EQ(guarded.value, 2 * kRounds);
}

TEST(Tsan, ReadersAreOrderedWithWriters) {
  Guarded guarded;
  int64_t seen = 0;
  InTwoThreads(
      [&] {
        for (int i = 0; i < kRounds; ++i) {
          const absl::WriterMutexLock lock(&guarded.mutex);
          ++guarded.value;
        }
      },
      [&] {
        while (seen < kRounds) {
          const absl::ReaderMutexLock lock(&guarded.mutex);
          seen = guarded.value;
        }
      });
  EXPECT_EQ(seen, kRounds);
}

// Two threads hand a number to and fro; whoever unlocks evaluates the other's condition.
TEST(Tsan, ConditionsAreEvaluatedUnderTheLock) {
  Guarded guarded;
  const auto take_turns = [&](int64_t parity, auto wait) {
    for (int i = 0; i < kRounds; ++i) {
      const auto is_turn = [&] { return guarded.value % 2 == parity; };
      wait(is_turn);
      ++guarded.value;
      guarded.mutex.Unlock();
    }
  };
  InTwoThreads(
      [&] {
        take_turns(0,
                   [&](const auto& is_turn) { guarded.mutex.LockWhen(absl::Condition(&is_turn)); });
      },
      [&] {
        take_turns(1, [&](const auto& is_turn) {
          guarded.mutex.Lock();
          while (!guarded.mutex.AwaitWithTimeout(absl::Condition(&is_turn), absl::Seconds(1))) {
          }
        });
      });
  EXPECT_EQ(guarded.value, 2 * kRounds);
}

TEST(Tsan, AConditionUnderASharedLockIsOrdered) {
  Guarded guarded;
  InTwoThreads(
      [&] {
        for (int i = 0; i < kRounds; ++i) {
          const absl::MutexLock lock(&guarded.mutex);
          ++guarded.value;
        }
      },
      [&] {
        const auto is_done = [&] { return guarded.value == kRounds; };
        guarded.mutex.ReaderLock();
        guarded.mutex.Await(absl::Condition(&is_done));
        EXPECT_EQ(guarded.value, kRounds);
        guarded.mutex.ReaderUnlock();
      });
}

TEST(Tsan, WaitOfACondVarLetsGoOfTheLock) {
  Guarded guarded;
  absl::CondVar changed;
  const auto take_turns = [&](int64_t parity, auto wait) {
    for (int i = 0; i < kRounds; ++i) {
      const absl::MutexLock lock(&guarded.mutex);
      while (guarded.value % 2 != parity) wait();
      ++guarded.value;
      changed.Signal();
    }
  };
  InTwoThreads(
      [&] { take_turns(0, [&] { changed.Wait(&guarded.mutex); }); },
      [&] { take_turns(1, [&] { changed.WaitWithTimeout(&guarded.mutex, absl::Seconds(1)); }); });
  EXPECT_EQ(guarded.value, 2 * kRounds);
}

class TsanDeathTest : public testing::Test {
 protected:
  TsanDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(TsanDeathTest, TwoLocksForOneValueAreARace) {
  EXPECT_EXIT(RunToEnd([] {
                Guarded guarded;
                absl::Mutex another;
                const auto add = [&](absl::Mutex& mutex) {
                  for (int i = 0; i < kRounds; ++i) {
                    const absl::MutexLock lock(&mutex);
                    ++guarded.value;
                  }
                };
                InTwoThreads([&] { add(guarded.mutex); }, [&] { add(another); });
              }),
              testing::ExitedWithCode(kReported), "data race");
}

TEST_F(TsanDeathTest, WritingUnderASharedLockIsARace) {
  EXPECT_EXIT(RunToEnd([] {
                Guarded guarded;
                const auto add = [&] {
                  for (int i = 0; i < kRounds; ++i) {
                    const absl::ReaderMutexLock lock(&guarded.mutex);
                    ++guarded.value;
                  }
                };
                InTwoThreads(add, add);
              }),
              testing::ExitedWithCode(kReported), "data race");
}

TEST_F(TsanDeathTest, WritingAfterUnlockIsARace) {
  EXPECT_EXIT(RunToEnd([] {
                Guarded guarded;
                // Says who comes after, and nothing of memory.
                std::atomic<bool> is_written = false;
                InTwoThreads(
                    [&] {
                      { const absl::MutexLock lock(&guarded.mutex); }
                      ++guarded.value;
                      is_written.store(true, std::memory_order_relaxed);
                    },
                    [&] {
                      while (!is_written.load(std::memory_order_relaxed)) std::this_thread::yield();
                      const absl::MutexLock lock(&guarded.mutex);
                      ++guarded.value;
                    });
              }),
              testing::ExitedWithCode(kReported), "data race");
}

}  // namespace
}  // namespace recsae
