#include "services/torch-host/models/single_thread.h"

#include <ATen/Parallel.h>

namespace recsae::probe {

SingleThreadedTorch::SingleThreadedTorch() : before_(at::get_num_threads()) {
  at::set_num_threads(1);
}

SingleThreadedTorch::~SingleThreadedTorch() { at::set_num_threads(before_); }

}  // namespace recsae::probe
