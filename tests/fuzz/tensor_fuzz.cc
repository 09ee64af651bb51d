// Bytes as a wire tensor: refused with a reason, or a view that lies in its bytes.
#include <cstddef>
#include <cstdint>

#include "common/messages/tensor.h"
#include "recsae/tensor/v1/tensor.pb.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  recsae::tensor::v1::Tensor tensor;
  if (!tensor.ParseFromArray(data, static_cast<int>(size))) return 0;
  const auto matrix = recsae::ReadMatrix(tensor, "t", recsae::kAnySize, recsae::kAnySize);
  recsae::fuzz::RequireGoodError(matrix.status());
  float sum = 0;
  if (matrix.ok()) {
    for (const float value : matrix->flat()) sum += value;
  }
  const auto vector = recsae::ReadVector(tensor, "t", recsae::kAnySize);
  recsae::fuzz::RequireGoodError(vector.status());
  if (vector.ok()) {
    for (const float value : *vector) sum += value;
  }
  const auto floats = recsae::FloatsFromBytes({reinterpret_cast<const char*>(data), size});
  recsae::fuzz::RequireGoodError(floats.status());
  static volatile float sink;
  sink = sum;
  return 0;
}
