// Operators of later PyTorch releases that this libtorch lacks.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODULES_NEWER_OPERATORS_H_
#define RECSAE_SERVICES_TORCH_HOST_MODULES_NEWER_OPERATORS_H_

namespace recsae::probe {

// Makes aten::scaled_dot_product_attention (2.0) and aten::rms_norm (2.4) known, as TorchScript
// archives of those releases call them. Once for a process; thread-safe.
void RegisterNewerOperators();

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODULES_NEWER_OPERATORS_H_
