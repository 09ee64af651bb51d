// Buffers that are used again, so that large ones are not mapped and cleared by the system for each
// message.
#ifndef RECSAE_SERVICES_TRAINER_ROWS_BUFFER_POOL_H_
#define RECSAE_SERVICES_TRAINER_ROWS_BUFFER_POOL_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace recsae::trainer {

// Thread-safe; buffers may outlive it.
template <typename Buffer>
class BufferPool {
 public:
  // A buffer with any content, which comes back when nobody holds it any more.
  std::shared_ptr<Buffer> Get() {
    std::unique_ptr<Buffer> buffer;
    {
      const absl::MutexLock lock(&state_->mutex);
      if (!state_->free.empty()) {
        buffer = std::move(state_->free.back());
        state_->free.pop_back();
      }
    }
    if (buffer == nullptr) buffer = std::make_unique<Buffer>();
    return {buffer.release(), [state = state_](Buffer* done) {
              const absl::MutexLock lock(&state->mutex);
              state->free.emplace_back(done);
            }};
  }

 private:
  struct State {
    absl::Mutex mutex;
    std::vector<std::unique_ptr<Buffer>> free ABSL_GUARDED_BY(mutex);
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_ROWS_BUFFER_POOL_H_
