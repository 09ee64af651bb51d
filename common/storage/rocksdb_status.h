// rocksdb::Status as the suite's errors. For the storage library's own sources and tests.
#ifndef RECSAE_COMMON_STORAGE_ROCKSDB_STATUS_H_
#define RECSAE_COMMON_STORAGE_ROCKSDB_STATUS_H_

#include <rocksdb/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace recsae {

// Codes and reasons: see Database. `what` says what was tried, for example "write to /data/probe".
absl::Status FromRocksDb(const rocksdb::Status& status, absl::string_view what);

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_ROCKSDB_STATUS_H_
