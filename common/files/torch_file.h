// Files of torch.save: a zip archive with a pickle of the values and the tensors' bytes beside it.
#ifndef RECSAE_COMMON_FILES_TORCH_FILE_H_
#define RECSAE_COMMON_FILES_TORCH_FILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/files/safetensors.h"

namespace recsae::torch_file {

// INVALID_ARGUMENT with the reason of errors here, or those of zip.h and pickle.h.
inline constexpr char kMalformed[] = "TORCH_FILE_MALFORMED";

// The values of a dict, those of dicts in it under "outer.inner".
struct File {
  std::map<std::string, safetensors::Tensor> tensors;
  std::map<std::string, double> numbers;  // true = 1
  std::map<std::string, std::string> texts;
  // Whole numbers among the tensors are written as int32.
  std::vector<std::string> whole;
  // Our own entry of the archive, which torch passes over; may be empty.
  std::string note;
};

// Reads a file of torch 1.6 or later that holds a dict: a module's state_dict(), or settings around
// one. Values of any of torch's number types become float32, rounded. Nothing of the bytes is
// trusted, and no code of the file is run; refused are other objects, by name, values that are not
// finite, tensors that lie outside their storage, dicts nested deeper than 8, and tensors that
// together are larger than 4 times the file and 64 MiB.
absl::StatusOr<File> Parse(absl::string_view bytes);

// The bytes of a file that torch.load reads (also with weights_only), `numbers` and `texts` left
// out. INVALID_ARGUMENT (ZIP_TOO_LARGE).
absl::StatusOr<std::string> Serialize(const File& file);

}  // namespace recsae::torch_file

#endif  // RECSAE_COMMON_FILES_TORCH_FILE_H_
