// Reads and writes safetensors files: named tensors behind a JSON header, as SAE libraries save
// them. Layout: 8 bytes with the header's length (little-endian), the header, the tensors' bytes.
#ifndef RECSAE_COMMON_FILES_SAFETENSORS_H_
#define RECSAE_COMMON_FILES_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::safetensors {

// Row-major; no dimension is a single value.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

struct File {
  std::map<std::string, Tensor> tensors;
  // The header's "__metadata__": free text that readers of tensors pass over.
  std::map<std::string, std::string> metadata;
};

// INVALID_ARGUMENT with the reason of every error here: the bytes are no safetensors file, or hold
// what this reader does not take.
inline constexpr char kMalformed[] = "SAFETENSORS_MALFORMED";

absl::Status Malformed(absl::string_view what);

// Reads a whole file. Tensors of F16, BF16, F32 and F64 become float32, rounded. Nothing of the
// bytes is trusted; refused are: bytes cut off; a header above 100 MB, beyond the file, no JSON
// object, not UTF-8, or with a name twice; other types; shapes whose size overflows or differs
// from their range; ranges that overlap, leave holes, go beyond the buffer or begin off a multiple
// of their type's size; values that are not finite as float32.
absl::StatusOr<File> Parse(absl::string_view bytes);

// The bytes of a file: F32, tensors by name, each one's values as many as its shape asks for. Names
// and metadata are UTF-8; no tensor is called "__metadata__".
std::string Serialize(const File& file);

}  // namespace recsae::safetensors

#endif  // RECSAE_COMMON_FILES_SAFETENSORS_H_
