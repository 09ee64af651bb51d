// Reads numpy's .npy files of floats.
#ifndef RECSAE_COMMON_FILES_NPY_H_
#define RECSAE_COMMON_FILES_NPY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace recsae::cli {

// A row-major array.
struct NpyArray {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// Format versions 1 to 3, little-endian float32 ('<f4') or float64 ('<f8', rounded), C order, one
// or two dimensions. NOT_FOUND (FILE_NOT_FOUND), INVALID_ARGUMENT (FILE_MALFORMED) naming the file
// and what is wrong with it.
absl::StatusOr<NpyArray> ReadNpy(const std::string& path);

}  // namespace recsae::cli

#endif  // RECSAE_COMMON_FILES_NPY_H_
