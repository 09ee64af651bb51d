// A database as it is at one moment, for a backup. Internal to common/storage.
#ifndef RECSAE_COMMON_STORAGE_CHECKPOINT_H_
#define RECSAE_COMMON_STORAGE_CHECKPOINT_H_

#include <rocksdb/metadata.h>
#include <rocksdb/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace recsae {

struct Engine;

// A moment is marked while nothing is written, which takes as long as to ask RocksDB for a few
// numbers; which files it consists of is listed afterwards, beside writes that go on. (RocksDB's
// own checkpoints are listed, copied and synced at once.) Removed files stay as long as it lives.
//
//   Make; Mark while no write is under way; List, and where that is false Mark anew; Write.
class Checkpoint {
 public:
  static absl::StatusOr<std::unique_ptr<Checkpoint>> Make(std::shared_ptr<Engine> engine);
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  // Bytes that are in the logs alone, which Write copies.
  absl::StatusOr<uint64_t> InLogs() const;
  // The moment is now.
  absl::Status Mark();
  // What consists of what was there when it was marked: all tables, and the logs up to where they
  // ended then. False where that cannot be told any more, as tables have come or gone since; it
  // holds nevertheless while no write has come since.
  absl::StatusOr<bool> List();
  // Makes a database of it that can be opened: tables are linked, so that `directory` must be on
  // the same file system; it must not be there. Not synced.
  absl::Status Write(const std::string& directory) const;

 private:
  struct Moment {
    uint64_t log = 0;  // number of the log that was written to
    uint64_t log_bytes = 0;
    uint64_t versions = 0;
  };

  explicit Checkpoint(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  // Another number whenever the tables of a family, or what is in memory of it, become others.
  absl::StatusOr<uint64_t> Versions() const;
  absl::Status Check(const rocksdb::Status& status) const;

  const std::shared_ptr<Engine> engine_;
  Moment moment_;
  std::vector<rocksdb::LiveFileStorageInfo> files_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_CHECKPOINT_H_
