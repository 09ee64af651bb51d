// The threads of WorkerPool: who works, and what becomes of exceptions.
#include "common/math/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

namespace recsae::math {
namespace {

constexpr int kTasks = 64;

TEST(WorkerPoolTest, RunsEveryTaskOnce) {
  for (int threads : {1, 2, 5}) {
    WorkerPool pool(threads);
    for (int tasks : {0, 1, 2, 7, 100}) {
      std::vector<int> runs(static_cast<size_t>(tasks));
      pool.Run(tasks, [&](int task, int) { ++runs[static_cast<size_t>(task)]; });
      EXPECT_EQ(runs, std::vector<int>(static_cast<size_t>(tasks), 1));
    }
  }
}

// Many short rounds, more threads than cores: workers wake up late, in rounds that are over.
TEST(WorkerPoolTest, LateWorkersTakeNothingTwice) {
  WorkerPool pool(8);
  std::vector<std::atomic<int>> at_work(8);
  for (int round = 0; round < 3000; ++round) {
    const int tasks = 2 + round % 17;
    std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
    pool.Run(tasks, [&](int task, int worker) {
      EXPECT_EQ(at_work[static_cast<size_t>(worker)].fetch_add(1), 0);
      ++runs[static_cast<size_t>(task)];
      at_work[static_cast<size_t>(worker)].fetch_sub(1);
    });
    for (const std::atomic<int>& count : runs) ASSERT_EQ(count.load(), 1);
  }
}

// Counts who is inside, so that a task that is still running when Run has returned is seen.
class Inside {
 public:
  explicit Inside(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Inside() { --count_; }

 private:
  std::atomic<int>& count_;
};

TEST(WorkerPoolTest, AnExceptionOfAnyTaskReachesTheCallerOnceAllAreOut) {
  for (const int threads : {1, 2, 5}) {
    WorkerPool pool(threads);
    for (int thrower = 0; thrower < 8; ++thrower) {
      std::atomic<int> inside = 0;
      try {
        pool.Run(kTasks, [&](int task, int) {
          const Inside here(inside);
          if (task == thrower) throw std::runtime_error(std::to_string(task));
        });
        ADD_FAILURE() << "nothing was thrown";
      } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(), std::to_string(thrower));
      }
      EXPECT_EQ(inside, 0);
    }
  }
}

TEST(WorkerPoolTest, OneOfManyExceptionsReachesTheCaller) {
  WorkerPool pool(4);
  for (int round = 0; round < 50; ++round) {
    EXPECT_THROW(pool.Run(kTasks, [](int, int) { throw std::bad_alloc(); }), std::bad_alloc);
  }
}

TEST(WorkerPoolTest, GoesOnWorkingAfterAnException) {
  WorkerPool pool(3);
  for (int round = 0; round < 50; ++round) {
    EXPECT_THROW(pool.Run(kTasks,
                          [](int task, int) {
                            if (task == kTasks - 1) throw std::bad_alloc();
                          }),
                 std::bad_alloc);
    std::atomic<int> done = 0;
    pool.Run(kTasks, [&](int, int) { ++done; });
    EXPECT_EQ(done, kTasks);
  }
}

// Where the caller's own share throws, the others are waited for: they read what it owns.
TEST(WorkerPoolTest, WaitsForTheOthersWhenTheCallerThrows) {
  WorkerPool pool(2);
  std::atomic<bool> begun = false;
  std::atomic<bool> thrown = false;
  std::atomic<bool> ended = false;
  EXPECT_THROW(pool.Run(2,
                        [&](int, int worker) {
                          if (worker == 0) {
                            begun.wait(false);
                            thrown = true;
                            thrown.notify_all();
                            throw std::bad_alloc();
                          }
                          begun = true;
                          begun.notify_all();
                          thrown.wait(false);
                          ended = true;
                        }),
               std::bad_alloc);
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace recsae::math
