// libtorch on one thread.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODELS_SINGLE_THREAD_H_
#define RECSAE_SERVICES_TORCH_HOST_MODELS_SINGLE_THREAD_H_

namespace recsae::probe {

// Keeps libtorch's own operations on the calling thread while it lives. They are many and small:
// its threads would spend more time waiting for each other than working.
class SingleThreadedTorch {
 public:
  SingleThreadedTorch();
  ~SingleThreadedTorch();
  SingleThreadedTorch(const SingleThreadedTorch&) = delete;
  SingleThreadedTorch& operator=(const SingleThreadedTorch&) = delete;

 private:
  int before_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODELS_SINGLE_THREAD_H_
