// Bytes in memory that a child process can be given.
#ifndef RECSAE_SERVICES_PROBE_TORCH_SHARED_BYTES_H_
#define RECSAE_SERVICES_PROBE_TORCH_SHARED_BYTES_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::probe {

// An unnamed file in memory that nobody can change any more. Thread-safe.
class SharedBytes {
 public:
  // RESOURCE_EXHAUSTED (NO_MEMORY).
  static absl::StatusOr<std::shared_ptr<const SharedBytes>> Make(absl::string_view bytes);
  ~SharedBytes();
  SharedBytes(const SharedBytes&) = delete;
  SharedBytes& operator=(const SharedBytes&) = delete;

  int file() const { return file_; }
  // A copy.
  std::string Read() const;

 private:
  SharedBytes(int file, size_t size) : file_(file), size_(size) {}

  const int file_;
  const size_t size_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_SHARED_BYTES_H_
