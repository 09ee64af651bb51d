// WorkerPool: a counter of rounds starts the workers, a counter of those still at work ends a
// round.
#include "common/math/worker_pool.h"

#include <algorithm>
#include <utility>

#include "common/math/simd/pause.h"

namespace recsae::math {
namespace {

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

// Fields of Share::state: 16 bits of round, 24 of size, 24 of how many are taken.
constexpr int kFieldBits = 24;
constexpr uint64_t kFieldMask = (uint64_t{1} << kFieldBits) - 1;

uint64_t FreshShare(int32_t round, int tasks) {
  return (static_cast<uint64_t>(round) << (2 * kFieldBits)) |
         (static_cast<uint64_t>(tasks) << kFieldBits);
}

}  // namespace

WorkerPool::WorkerPool(int threads)
    : threads_(std::max(threads, 1)), shares_(new Share[static_cast<size_t>(threads_)]) {
  try {
    for (int worker = 1; worker < threads_; ++worker) {
      workers_.emplace_back([this, worker] { WorkerLoop(worker); });
    }
  } catch (...) {  // A std::thread that nobody joins would end the process.
    Join();
    throw;
  }
}

WorkerPool::~WorkerPool() { Join(); }

void WorkerPool::Join() {
  stopping_ = true;
  ++round_;
  round_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

bool WorkerPool::TakeTask(int share, int* task) {
  std::atomic<uint64_t>& state = shares_[static_cast<size_t>(share)].state;
  uint64_t seen = state.load(std::memory_order_acquire);
  do {
    const uint64_t taken = seen & kFieldMask;
    if (taken >= ((seen >> kFieldBits) & kFieldMask)) return false;
    *task = share + static_cast<int>(taken) * threads_;
  } while (!state.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel,
                                        std::memory_order_acquire));
  return true;
}

// Whoever has taken a task holds its round open until the task returns, so work_ stays what it is.
void WorkerPool::Work(int worker) {
  for (int i = 0; i < threads_; ++i) {
    int task = 0;
    while (TakeTask((worker + i) % threads_, &task)) {
      RunTask(task, worker);
      if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) left_.notify_all();
    }
  }
}

void WorkerPool::RunTask(int task, int worker) {
  if (failed_.load(std::memory_order_relaxed)) return;
  try {
    (*work_)(task, worker);
  } catch (...) {
    // Read by Run once no task is left, which comes after this.
    if (!failed_.exchange(true)) exception_ = std::current_exception();
  }
}

void WorkerPool::Run(int tasks, const std::function<void(int, int)>& work) {
  if (tasks <= 1 || threads_ == 1) {
    for (int task = 0; task < tasks; ++task) work(task, 0);
    return;
  }
  work_ = &work;
  left_.store(tasks, std::memory_order_relaxed);
  const int32_t round = round_.load(std::memory_order_relaxed) + 1;
  for (int share = 0; share < threads_; ++share) {
    const int count = (tasks - share + threads_ - 1) / threads_;
    shares_[static_cast<size_t>(share)].state.store(FreshShare(round, std::max(count, 0)),
                                                    std::memory_order_release);
  }
  round_.store(round, std::memory_order_release);
  round_.notify_all();
  Work(0);
  for (int32_t left = left_.load(std::memory_order_acquire); left != 0;
       left = left_.load(std::memory_order_acquire)) {
    AwaitChange(left_, left);
  }
  if (failed_.load(std::memory_order_relaxed)) {
    failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(exception_, nullptr));
  }
}

void WorkerPool::WorkerLoop(int worker) {
  int32_t seen = 0;
  while (true) {
    AwaitChange(round_, seen);
    seen = round_.load(std::memory_order_acquire);
    if (stopping_) return;
    Work(worker);
  }
}

}  // namespace recsae::math
