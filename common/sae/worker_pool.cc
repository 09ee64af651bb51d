// WorkerPool: a counter of rounds starts the workers, a counter of those still at work ends a
// round.
#include "common/sae/worker_pool.h"

#include <algorithm>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace recsae::sae {
namespace {

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until the value is not `old` any more: awake for some ten microseconds, then asleep.
template <typename T>
void AwaitChange(const std::atomic<T>& value, T old) {
  constexpr int kSpins = 500;
  for (int spin = 0; spin < kSpins; ++spin) {
    if (value.load(std::memory_order_acquire) != old) return;
    Pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

WorkerPool::WorkerPool(int threads) : threads_(std::max(threads, 1)) {
  for (int worker = 1; worker < threads_; ++worker) {
    workers_.emplace_back([this, worker] { WorkerLoop(worker); });
  }
}

WorkerPool::~WorkerPool() {
  stopping_ = true;
  ++round_;
  round_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void WorkerPool::RunShare(int worker) {
  for (int task = worker; task < tasks_; task += threads_) (*work_)(task, worker);
}

void WorkerPool::Run(int tasks, const std::function<void(int, int)>& work) {
  if (tasks <= 1 || threads_ == 1) {
    for (int task = 0; task < tasks; ++task) work(task, 0);
    return;
  }
  work_ = &work;
  tasks_ = tasks;
  running_.store(threads_ - 1, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  RunShare(0);
  for (int32_t left = running_.load(std::memory_order_acquire); left != 0;
       left = running_.load(std::memory_order_acquire)) {
    AwaitChange(running_, left);
  }
}

void WorkerPool::WorkerLoop(int worker) {
  for (int32_t seen = 0;; ++seen) {
    AwaitChange(round_, seen);
    if (stopping_) return;
    RunShare(worker);
    if (running_.fetch_sub(1, std::memory_order_release) == 1) running_.notify_one();
  }
}

}  // namespace recsae::sae
