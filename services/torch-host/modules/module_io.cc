#include "services/torch-host/modules/module_io.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "services/probe/recommenders/model/batches.h"

namespace recsae::probe {
namespace {

constexpr float kTolerance = 1e-3f;  // of the largest value

float LargestValue(const torch::Tensor& tensor) {
  const auto* values = tensor.data_ptr<float>();
  float largest = 0;
  for (int64_t i = 0; i < tensor.numel(); ++i) largest = std::max(largest, std::abs(values[i]));
  return largest;
}

}  // namespace

TorchscriptInputs MakeInputs(absl::Span<const Query> queries, int history,
                             absl::Span<const int32_t> numbers) {
  const auto count = static_cast<int64_t>(queries.size());
  TorchscriptInputs inputs{torch::zeros({count, history}, torch::kInt64),
                           torch::empty({count}, torch::kInt64),
                           torch::empty({count}, torch::kInt64)};
  for (int64_t i = 0; i < count; ++i) {
    const Query& query = queries[i];
    const size_t length = RowsOf(query, history);
    auto* row = inputs.history.data_ptr<int64_t>() + i * history;
    for (const int32_t item : query.history.last(length)) {
      *row++ = int64_t{numbers.empty() ? item : numbers[item]} + 1;
    }
    inputs.lengths.data_ptr<int64_t>()[i] = static_cast<int64_t>(length);
    inputs.users.data_ptr<int64_t>()[i] = int64_t{query.user} + 1;
  }
  return inputs;
}

float* LastRows(const torch::Tensor& output, const TorchscriptInputs& inputs, Padding padding,
                size_t query, size_t rows) {
  const int64_t width = output.size(-1);
  auto* row = output.data_ptr<float>() + static_cast<int64_t>(query) * output.stride(0);
  if (output.dim() == 2) return row;
  const int64_t end =
      padding == Padding::kLeft ? output.size(1) : inputs.lengths.data_ptr<int64_t>()[query];
  return row + (end - static_cast<int64_t>(rows)) * width;
}

absl::Status WrongOutput(absl::string_view what) {
  return Error(absl::StatusCode::kFailedPrecondition, "MODULE_OUTPUT", what);
}

std::string ShapeText(const torch::Tensor& tensor) {
  return absl::StrCat(c10::toString(tensor.scalar_type()), " [",
                      absl::StrJoin(tensor.sizes().vec(), ", "), "]");
}

absl::StatusOr<torch::Tensor> CheckShape(const torch::Tensor& output, absl::string_view name,
                                         const std::vector<int64_t>& shape) {
  bool fits =
      output.scalar_type() == torch::kFloat32 && output.dim() == static_cast<int64_t>(shape.size());
  for (size_t i = 0; fits && i < shape.size(); ++i) fits = output.size(i) == shape[i];
  if (fits) return output.contiguous();
  return WrongOutput(absl::StrCat(name, " returned ", ShapeText(output), "; wanted Float [",
                                  absl::StrJoin(shape, ", "), "]"));
}

absl::Status CheckFinite(absl::Span<const float> values, absl::string_view name) {
  if (std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); })) {
    return absl::OkStatus();
  }
  return WrongOutput(absl::StrCat(name, " returned values that are not finite"));
}

absl::StatusOr<torch::Tensor> CheckOutput(const torch::Tensor& output, absl::string_view name,
                                          const std::vector<int64_t>& shape) {
  RECSAE_ASSIGN_OR_RETURN(torch::Tensor values, CheckShape(output, name, shape));
  RECSAE_RETURN_IF_ERROR(
      CheckFinite({values.data_ptr<float>(), static_cast<size_t>(values.numel())}, name));
  return values;
}

float LargestDifference(const torch::Tensor& a, const torch::Tensor& b) {
  const auto *x = a.data_ptr<float>(), *y = b.data_ptr<float>();
  float largest = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    const float difference = std::abs(x[i] - y[i]);
    if (!std::isfinite(difference)) return std::numeric_limits<float>::infinity();
    largest = std::max(largest, difference);
  }
  return largest;
}

float Allowed(const torch::Tensor& tensor) { return kTolerance * (1 + LargestValue(tensor)); }

}  // namespace recsae::probe
