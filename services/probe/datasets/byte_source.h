// The bytes of a file as it is, or unpacked on the way (.gz, .zst).
#ifndef RECSAE_SERVICES_PROBE_DATASETS_BYTE_SOURCE_H_
#define RECSAE_SERVICES_PROBE_DATASETS_BYTE_SOURCE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::probe {

// Gives the bytes of one file, piece by piece. Not thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Fills `buffer` with at most `size` bytes (at least 1); 0: the file is at its end.
  // UNAVAILABLE (DATA_FILE_UNREADABLE) when the disk fails, INVALID_ARGUMENT (DATASET_MALFORMED)
  // when a packed file is broken or cut off.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;
};

// The file at `path`, unpacked where its first bytes are those of gzip or Zstandard, whatever its
// name, by a thread beside the reader's. What is unpacked passes through a window of at most 128
// MiB (Zstandard's largest by default). NOT_FOUND (DATA_FILE_NOT_FOUND): there is no such file, or
// it cannot be opened.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(const std::string& path);

// `name` without an ending that says how a file is packed: "a.csv.gz" is "a.csv".
absl::string_view WithoutPacking(absl::string_view name);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_BYTE_SOURCE_H_
