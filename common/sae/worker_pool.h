// A few threads that work through numbered tasks together with the caller.
#ifndef RECSAE_COMMON_SAE_WORKER_POOL_H_
#define RECSAE_COMMON_SAE_WORKER_POOL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace recsae::sae {

// Run is called by one thread at a time. Which worker takes which task is fixed (task modulo
// threads), so a task finds its data in the same cache again. Rounds follow each other within
// microseconds, so both sides watch for each other for a moment before they sleep.
class WorkerPool {
 public:
  // threads >= 1, the caller of Run included.
  explicit WorkerPool(int threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int threads() const { return threads_; }

  // Calls work(task, worker) for the tasks 0 ... tasks - 1, with worker in 0 ... threads() - 1 and
  // never the same at the same time, and returns when all have returned. A single task runs on the
  // caller without waking anyone.
  void Run(int tasks, const std::function<void(int, int)>& work);

 private:
  void WorkerLoop(int worker);
  void RunShare(int worker);

  const int threads_;
  const std::function<void(int, int)>* work_ = nullptr;
  int tasks_ = 0;
  std::atomic<int32_t> round_ = 0;  // its change publishes work_ and tasks_
  std::atomic<int32_t> running_ = 0;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_WORKER_POOL_H_
