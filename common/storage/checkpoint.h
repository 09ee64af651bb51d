// A database as it is at one moment, for a backup. Internal to common/storage.
#ifndef RECSAE_COMMON_STORAGE_CHECKPOINT_H_
#define RECSAE_COMMON_STORAGE_CHECKPOINT_H_

#include <rocksdb/metadata.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace recsae {

struct Engine;

// What the moment's files are and how long: to note that touches no disk, so that writes need not
// wait for one. (RocksDB's own checkpoints are copied and synced at once.) Removed files stay as
// long as it lives.
class Checkpoint {
 public:
  static absl::StatusOr<std::unique_ptr<Checkpoint>> Take(std::shared_ptr<Engine> engine);
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  // Makes a database of it that can be opened: tables are linked, so that `directory` must be on
  // the same file system; it must not be there. Not synced.
  absl::Status Write(const std::string& directory) const;

 private:
  explicit Checkpoint(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  const std::shared_ptr<Engine> engine_;
  std::vector<rocksdb::LiveFileStorageInfo> files_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_CHECKPOINT_H_
