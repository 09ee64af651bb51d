// The header of a safetensors file: which tensors it holds, and where.
#ifndef RECSAE_COMMON_FILES_SAFETENSORS_HEADER_H_
#define RECSAE_COMMON_FILES_SAFETENSORS_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::safetensors {

// The types of values that are read.
enum class DataType { kF16, kBf16, kF32, kF64 };

// Bytes of one value.
size_t SizeOf(DataType type);

struct TensorInfo {
  std::string name;
  DataType type = DataType::kF32;
  std::vector<int64_t> shape;
  // Product of the shape.
  size_t values = 0;
  // Where its bytes begin in the buffer behind the header.
  size_t begin = 0;
};

struct Header {
  // In the order of their bytes, which fill the buffer.
  std::vector<TensorInfo> tensors;
  std::map<std::string, std::string> metadata;
};

// Reads the JSON text of a header, for a buffer of so many bytes. Errors as Parse (safetensors.h).
absl::StatusOr<Header> ParseHeader(absl::string_view text, size_t buffer_bytes);

}  // namespace recsae::safetensors

#endif  // RECSAE_COMMON_FILES_SAFETENSORS_HEADER_H_
