// WorkerPool: one round at a time under one mutex.
#include "common/sae/worker_pool.h"

#include <algorithm>

namespace recsae::sae {

WorkerPool::WorkerPool(int threads) : threads_(std::max(threads, 1)) {
  for (int worker = 1; worker < threads_; ++worker) {
    workers_.emplace_back([this, worker] { WorkerLoop(worker); });
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  started_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void WorkerPool::RunShare(int worker) {
  for (int task = worker; task < tasks_; task += threads()) (*work_)(task);
}

void WorkerPool::Run(int tasks, const std::function<void(int)>& work) {
  if (tasks <= 1 || threads_ == 1) {
    for (int task = 0; task < tasks; ++task) work(task);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    tasks_ = tasks;
    running_ = threads_ - 1;
    ++round_;
  }
  started_.notify_all();
  RunShare(0);
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [this] { return running_ == 0; });
}

void WorkerPool::WorkerLoop(int worker) {
  uint64_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      started_.wait(lock, [&] { return stopping_ || round_ != seen; });
      if (stopping_) return;
      seen = round_;
    }
    RunShare(worker);
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) finished_.notify_one();
  }
}

}  // namespace recsae::sae
