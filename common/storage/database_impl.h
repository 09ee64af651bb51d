// What stands behind a Database. Internal to common/storage.
#ifndef RECSAE_COMMON_STORAGE_DATABASE_IMPL_H_
#define RECSAE_COMMON_STORAGE_DATABASE_IMPL_H_

#include <rocksdb/cache.h>
#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/storage/database.h"
#include "common/storage/marker.h"

namespace recsae {

// Family names to RocksDB's handles.
class Families {
 public:
  std::vector<rocksdb::ColumnFamilyHandle*> handles;

  // INTERNAL (STORE_ERROR).
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> Find(absl::string_view name) const;
};

struct Database::Impl {
  std::string path;
  Marker marker;
  bool sync = true;
  std::shared_ptr<rocksdb::Cache> cache;
  std::unique_ptr<rocksdb::DB> db;
  Families families;

  ~Impl();
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_DATABASE_IMPL_H_
