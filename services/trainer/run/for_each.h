// Spreads uneven pieces of work over a pool of threads.
#ifndef RECSAE_SERVICES_TRAINER_RUN_FOR_EACH_H_
#define RECSAE_SERVICES_TRAINER_RUN_FOR_EACH_H_

#include <atomic>
#include <cstddef>

#include "absl/functional/function_ref.h"
#include "common/math/worker_pool.h"

namespace recsae::trainer {

// Calls work(0) ... work(count - 1), each on the next thread of the pool that is free, and returns
// when all have returned.
inline void ForEach(math::WorkerPool& pool, size_t count, absl::FunctionRef<void(size_t)> work) {
  std::atomic<size_t> next = 0;
  pool.Run(pool.threads(), [&](int, int) {
    for (size_t i = next++; i < count; i = next++) work(i);
  });
}

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_FOR_EACH_H_
