// A few threads that work through numbered tasks together with the caller.
#ifndef RECSAE_COMMON_SAE_WORKER_POOL_H_
#define RECSAE_COMMON_SAE_WORKER_POOL_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace recsae::sae {

// Run is called by one thread at a time. Which thread takes which task is fixed (task modulo
// threads), so a task finds its data in the same cache again.
class WorkerPool {
 public:
  // threads >= 1, the caller of Run included.
  explicit WorkerPool(int threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int threads() const { return threads_; }

  // Calls work(0) ... work(tasks - 1) and returns when all have returned. A single task runs on the
  // caller without waking anyone.
  void Run(int tasks, const std::function<void(int)>& work);

 private:
  void WorkerLoop(int worker);
  void RunShare(int worker);

  const int threads_;
  std::mutex mutex_;
  std::condition_variable started_;
  std::condition_variable finished_;
  const std::function<void(int)>* work_ = nullptr;
  int tasks_ = 0;
  int running_ = 0;
  uint64_t round_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_WORKER_POOL_H_
