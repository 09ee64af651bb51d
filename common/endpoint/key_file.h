// The key of an endpoint, in a file.
#ifndef RECSAE_COMMON_ENDPOINT_KEY_FILE_H_
#define RECSAE_COMMON_ENDPOINT_KEY_FILE_H_

#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/file_watch.h"

namespace recsae {

// The first line of a file. FAILED_PRECONDITION (ENDPOINT_KEY_UNREADABLE) if it is none that a
// header may hold.
absl::StatusOr<std::string> ReadKey(const std::string& path);

// Thread-safe. Looks at its file once a second at most.
class KeyFile {
 public:
  explicit KeyFile(std::string path) : file_(std::move(path)) {}

  // The last one that could be read; "" without a file.
  std::string Key();

 private:
  FileWatch file_;
  std::mutex mutex_;
  std::string key_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_ENDPOINT_KEY_FILE_H_
