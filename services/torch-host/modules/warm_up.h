// Makes libtorch do first what it does once.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODULES_WARM_UP_H_
#define RECSAE_SERVICES_TORCH_HOST_MODULES_WARM_UP_H_

namespace recsae::probe {

// Afterwards libtorch runs modules without opening files: it has looked at the processor and
// prepared its kernels and the interpreter.
void WarmUp();

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODULES_WARM_UP_H_
