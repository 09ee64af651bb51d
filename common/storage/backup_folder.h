// A folder of backups: what lies in it, and what can be done with it without a server.
//
//   BACKUPS                  whose they are, as in common/storage/marker.h
//   backups/{backup}.json    what one holds, written last: what has none is no backup
//   stores/{store}/          RocksDB's backup engine: files that several backups share are there
//                            once
#ifndef RECSAE_COMMON_STORAGE_BACKUP_FOLDER_H_
#define RECSAE_COMMON_STORAGE_BACKUP_FOLDER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace recsae {

// One store as a backup holds it.
struct BackedUpStore {
  // Its folder under the data directory: "probe", "jobs".
  std::string store;
  // Of its marker.
  std::string service;
  std::string store_id;
  int format = 1;
  // The engine's number of it.
  uint32_t number = 0;
  int64_t bytes = 0;
  int64_t files = 0;
};

struct BackupRecord {
  std::string id;
  absl::Time time;
  // "recsae-probe", whose data directory it is, and of which version it was.
  std::string program;
  std::string version;
  std::vector<BackedUpStore> stores;

  int64_t bytes() const;
};

// OK as long as the work should go on. From any thread, often.
using Alive = std::function<absl::Status()>;

// Newest first. FAILED_PRECONDITION (BACKUP_DIR_UNUSABLE) for a folder that cannot be read or holds
// no backups of this suite; DATA_LOSS (BACKUP_CORRUPT) for a record that cannot be read.
absl::StatusOr<std::vector<BackupRecord>> ListBackups(const std::string& folder);
// By its id; empty = the newest. NOT_FOUND (BACKUP_NOT_FOUND), or as ListBackups.
absl::StatusOr<BackupRecord> FindBackup(const std::string& folder, const std::string& id);

// Reads every file of the backup and compares it with its checksum. DATA_LOSS (BACKUP_CORRUPT), or
// the error of `alive`.
absl::Status VerifyBackup(const std::string& folder, const BackupRecord& backup,
                          const Alive& alive);

// Makes the data directory `to`, which must not be there or be empty: in "{to}.restoring" first,
// whose remains of an earlier try are removed, then by one rename. Each store gets a new id and no
// epochs, so that every follower begins with a snapshot. FAILED_PRECONDITION (RESTORE_TARGET_USED),
// or as VerifyBackup; STORE_FULL; STORE_UNUSABLE where `to` cannot be written.
absl::Status RestoreBackup(const std::string& folder, const BackupRecord& backup,
                           const std::string& to);

// For who makes backups. The program of the folder's marker is written, or compared: BackupDir
// errors as above, or BACKUP_DIR_OF_OTHER.
absl::Status ClaimBackupFolder(const std::string& folder, const std::string& program);
// Where the engine of a store keeps its files.
std::string EngineFolder(const std::string& folder, const std::string& store);
// Whole or not at all, and on disk on return: from then on there is the backup.
absl::Status WriteRecord(const std::string& folder, const BackupRecord& backup);
// From then on there is none.
absl::Status RemoveRecord(const std::string& folder, const std::string& id);

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_BACKUP_FOLDER_H_
