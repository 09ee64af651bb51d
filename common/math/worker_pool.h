// A few threads that work through numbered tasks together with the caller.
#ifndef RECSAE_COMMON_MATH_WORKER_POOL_H_
#define RECSAE_COMMON_MATH_WORKER_POOL_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace recsae::math {

// Run is called by one thread at a time. Every worker begins with the same share of the tasks (task
// modulo threads), so that a task finds its data in the same cache again, and then helps the
// others: where the machine is busy and a worker does not get to run, the caller does its share as
// well. Rounds follow each other within microseconds, so both sides watch for each other for a
// moment before they sleep.
class WorkerPool {
 public:
  // threads >= 1, the caller of Run included. Throws std::system_error where the machine has no
  // more threads to give.
  explicit WorkerPool(int threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int threads() const { return threads_; }

  // Calls work(task, worker) for the tasks 0 ... tasks - 1 (at most 2^24 for each thread), with
  // worker in 0 ... threads() - 1 and never the same at the same time, and returns when all have
  // returned. A single task runs on the caller without waking anyone. When a call throws, on
  // whatever thread, the tasks that have not begun are left out; once nobody is inside `work` any
  // more, Run throws the first such exception, and the pool is as good as before.
  void Run(int tasks, const std::function<void(int, int)>& work);

 private:
  // The tasks of one worker's share that are left: round, how many there are, how many are taken,
  // in one word, so that a worker that wakes up late cannot take what is of another round.
  struct alignas(64) Share {
    std::atomic<uint64_t> state = 0;
  };

  void WorkerLoop(int worker);
  void Join();
  void Work(int worker);
  void RunTask(int task, int worker);
  bool TakeTask(int share, int* task);

  const int threads_;
  const std::function<void(int, int)>* work_ = nullptr;
  std::unique_ptr<Share[]> shares_;
  std::atomic<int32_t> round_ = 0;
  std::atomic<int32_t> left_ = 0;     // tasks that have not returned
  std::atomic<bool> failed_ = false;  // a task has thrown; whoever set it writes the next one
  std::exception_ptr exception_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_WORKER_POOL_H_
