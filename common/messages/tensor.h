// Float matrices in and out of recsae.tensor.v1.Tensor and of raw bytes, with every check a tensor
// from outside needs.
#ifndef RECSAE_COMMON_MESSAGES_TENSOR_H_
#define RECSAE_COMMON_MESSAGES_TENSOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace recsae::tensor::v1 {
class Tensor;
}  // namespace recsae::tensor::v1

namespace recsae {

// A dense row-major float32 matrix that someone else owns.
struct MatrixView {
  const float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;

  int64_t size() const { return rows * cols; }
  absl::Span<const float> row(int64_t i) const {
    return {data + i * cols, static_cast<size_t>(cols)};
  }
  absl::Span<const float> flat() const { return {data, static_cast<size_t>(size())}; }
};

// As an expected size: any.
inline constexpr int64_t kAnySize = -1;

// Reads `tensor` as a rows x cols float32 matrix; kAnySize leaves a size open. Nothing is copied:
// the view is valid as long as `tensor` lives unchanged.
//
// `field` is the path of the tensor in the request and starts every message. INVALID_ARGUMENT:
//   TENSOR_TYPE_MISMATCH   not DATA_TYPE_FLOAT32
//   TENSOR_SHAPE_MISMATCH  not two dimensions, a negative size, or not the expected size
//   TENSOR_SIZE_MISMATCH   `data` does not hold exactly rows * cols * 4 bytes
//   TENSOR_NOT_FINITE      NaN or infinity; the message names the first one's position and value
absl::StatusOr<MatrixView> ReadMatrix(const tensor::v1::Tensor& tensor, absl::string_view field,
                                      int64_t rows, int64_t cols);

// The same for one dimension.
absl::StatusOr<absl::Span<const float>> ReadVector(const tensor::v1::Tensor& tensor,
                                                   absl::string_view field, int64_t size);

// TENSOR_NOT_FINITE, as above, for a matrix that did not come as a Tensor.
absl::Status CheckFinite(const MatrixView& matrix, absl::string_view field);

// Fills `tensor` with a rows x cols matrix or a vector, float32. No checks.
void WriteMatrix(const MatrixView& matrix, tensor::v1::Tensor* tensor);
void WriteVector(absl::Span<const float> values, tensor::v1::Tensor* tensor);

// Stored form of floats: little-endian, 4 bytes each.
absl::string_view FloatsAsBytes(absl::Span<const float> values);

// Copies bytes, which need not be aligned, into floats. DATA_LOSS (reason TENSOR_SIZE_MISMATCH) if
// there are not exactly `count` of them (kAnySize: a whole number).
absl::StatusOr<std::vector<float>> FloatsFromBytes(absl::string_view bytes,
                                                   int64_t count = kAnySize);

}  // namespace recsae

#endif  // RECSAE_COMMON_MESSAGES_TENSOR_H_
