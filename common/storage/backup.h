// Backups of all stores of a process, taken while it serves.
#ifndef RECSAE_COMMON_STORAGE_BACKUP_H_
#define RECSAE_COMMON_STORAGE_BACKUP_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/storage/backup_folder.h"

namespace recsae {

class Checkpoint;
class StoreGroup;

struct BackupOptions {
  // Where they go; empty = nowhere.
  std::string folder;
  // The process's data directory, and what it is.
  std::string data_dir;
  std::string program;
  std::string version;
  // Bytes that are copied in a second; 0 = as fast as it goes.
  int64_t bytes_per_second = 0;
  // How many are kept; the oldest go.
  int kept = 1;
};

// Thread-safe. All stores are copied as they are at one moment: while that is marked, their writes
// wait (for the writes under way, and for a few numbers that are asked of RocksDB); which files it
// consists of is listed, and they are copied, after that. Files that an earlier backup holds are
// not copied again.
class Backups {
 public:
  // Removes what a Create that was cut off left in the data directory.
  Backups(StoreGroup& stores, BackupOptions options);
  Backups(const Backups&) = delete;
  Backups& operator=(const Backups&) = delete;

  struct Made {
    BackupRecord backup;
    // How long writes were held back.
    absl::Duration held;
    absl::Duration took;
  };

  // FAILED_PRECONDITION (BACKUP_DIR_NOT_SET); ABORTED (BACKUP_RUNNING) while another one, or a
  // Verify, goes on; STORE_FULL; errors of ClaimBackupFolder, of the stores and of `alive`. What
  // fails leaves no backup.
  absl::StatusOr<Made> Create(const Alive& alive);
  // See ListBackups; none where there was none yet.
  absl::StatusOr<std::vector<BackupRecord>> List() const;
  // The backup, once every file of it was read and compared. See FindBackup, VerifyBackup.
  absl::StatusOr<BackupRecord> Verify(const std::string& id, const Alive& alive);

  // Ends what is going on, and all that comes, with UNAVAILABLE (SERVER_DRAINING).
  void Stop() { stopping_ = true; }

  // When the newest one was made; the epoch if there is none, or that is not known.
  absl::Time last_success() const { return absl::FromUnixMillis(last_success_millis_); }

 private:
  absl::Status CheckSet() const;
  absl::Status CheckAlive(const Alive& alive) const;
  absl::StatusOr<Made> CreateLocked(const Alive& alive) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<bool> MarkAll(const std::vector<std::unique_ptr<Checkpoint>>& checkpoints,
                               bool patient, absl::Duration* held) const;
  // Keeps the stores as they are at one moment under Checkpoints().
  absl::StatusOr<std::vector<BackedUpStore>> Hold(absl::Duration* held) const;
  absl::Status Copy(BackedUpStore& store, const Alive& alive) const;
  // Removes what is more than is kept, and what no record names.
  absl::Status Sweep(int kept) const;
  std::string Checkpoints() const;

  StoreGroup& stores_;
  const BackupOptions options_;
  absl::Mutex mutex_;  // held while a backup is made or read
  std::atomic<bool> stopping_ = false;
  std::atomic<int64_t> last_success_millis_ = 0;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_BACKUP_H_
