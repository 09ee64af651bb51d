// The STORE file of a data directory: whose it is and in which format, checked before RocksDB
// opens.
#ifndef RECSAE_COMMON_STORAGE_MARKER_H_
#define RECSAE_COMMON_STORAGE_MARKER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae {

// Makes the directory and its marker if they are not there. Returns the directory's format. Errors:
// see Database::Open.
absl::StatusOr<int> ClaimDirectory(const std::string& path, absl::string_view service, int format);

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_MARKER_H_
