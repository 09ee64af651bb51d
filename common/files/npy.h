// Reads numpy's .npy and .npz files of floats.
#ifndef RECSAE_COMMON_FILES_NPY_H_
#define RECSAE_COMMON_FILES_NPY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::cli {

// A row-major array.
struct NpyArray {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// Format versions 1 to 3, little-endian float32 ('<f4'), float64 ('<f8', rounded) or half ('<f2'),
// by rows or columns (Fortran order), one or two dimensions. NOT_FOUND (FILE_NOT_FOUND),
// INVALID_ARGUMENT (FILE_MALFORMED) naming the file and what is wrong with it.
absl::StatusOr<NpyArray> ReadNpy(const std::string& path);

// The arrays of a .npz archive's bytes, by name. INVALID_ARGUMENT: FILE_MALFORMED naming the array,
// or as zip.h.
absl::StatusOr<std::map<std::string, NpyArray>> ParseNpz(absl::string_view bytes);

}  // namespace recsae::cli

#endif  // RECSAE_COMMON_FILES_NPY_H_
