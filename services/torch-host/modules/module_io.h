// What a module is given and what it returns. For .cc files only: includes libtorch.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODULES_MODULE_IO_H_
#define RECSAE_SERVICES_TORCH_HOST_MODULES_MODULE_IO_H_

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/stored_module.h"
#include "services/torch-host/modules/torchscript_program.h"

namespace recsae::probe {

// `numbers`: see StoredModule.
TorchscriptInputs MakeInputs(absl::Span<const Query> queries, int history,
                             absl::Span<const int32_t> numbers);

// Where a query's last `rows` rows begin in a site's output [B, L, d], or its one row in [B, d].
float* LastRows(const torch::Tensor& output, const TorchscriptInputs& inputs, Padding padding,
                size_t query, size_t rows);

// FAILED_PRECONDITION (MODULE_OUTPUT).
absl::Status WrongOutput(absl::string_view what);

// "Float [4, 12, 16]".
std::string ShapeText(const torch::Tensor& tensor);

// The module's output as contiguous floats of this shape; -1 stands for any size. WrongOutput.
absl::StatusOr<torch::Tensor> CheckShape(const torch::Tensor& output, absl::string_view name,
                                         const std::vector<int64_t>& shape);
// The same, and finite.
absl::StatusOr<torch::Tensor> CheckOutput(const torch::Tensor& output, absl::string_view name,
                                          const std::vector<int64_t>& shape);
absl::Status CheckFinite(absl::Span<const float> values, absl::string_view name);

// The largest difference of two contiguous tensors of one shape; infinity where one is not finite.
float LargestDifference(const torch::Tensor& a, const torch::Tensor& b);

// Two runs over the same history may differ by rounding: this much.
float Allowed(const torch::Tensor& tensor);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODULES_MODULE_IO_H_
