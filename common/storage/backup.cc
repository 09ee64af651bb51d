#include "common/storage/backup.h"

#include <rocksdb/env.h>
#include <rocksdb/utilities/backup_engine.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/id.h"
#include "common/base/status.h"
#include "common/storage/checkpoint.h"
#include "common/storage/database_impl.h"
#include "common/storage/marker.h"
#include "common/storage/rocksdb_status.h"
#include "common/storage/store_group.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;

// How often a copy asks whether anybody waits for it.
constexpr uint64_t kAskEveryBytes = 1 << 20;
// What the logs of a store may hold and not be flushed: to copy that costs writers less than the
// many small files that a flush syncs.
constexpr uint64_t kFlushedBytes = 4 << 20;
// Moments that are tried before writes wait for the list of files, too: each lasts until a store's
// tables become others.
constexpr int kMoments = 5;
// Of a copy that is opened once, to be copied.
constexpr size_t kCopyBufferBytes = size_t{8} << 20;

absl::StatusOr<std::unique_ptr<rocksdb::BackupEngine>> OpenBackupEngine(const std::string& folder,
                                                                        int64_t bytes_per_second) {
  rocksdb::BackupEngineOptions options(folder);
  options.backup_rate_limit = static_cast<uint64_t>(bytes_per_second);
  options.callback_trigger_interval_size = kAskEveryBytes;
  rocksdb::BackupEngine* engine = nullptr;
  const rocksdb::Status status =
      rocksdb::BackupEngine::Open(options, rocksdb::Env::Default(), &engine);
  RECSAE_RETURN_IF_ERROR(FromRocksDb(status, absl::StrCat("backup folder ", folder)));
  return std::unique_ptr<rocksdb::BackupEngine>(engine);
}

// Another process that makes backups in the folder keeps this one out.
class FolderLock {
 public:
  static absl::StatusOr<std::unique_ptr<FolderLock>> Take(const std::string& folder) {
    std::unique_ptr<FolderLock> lock(new FolderLock);
    const std::string file = (fs::path(folder) / "LOCK").string();
    if (rocksdb::Env::Default()->LockFile(file, &lock->lock_).ok()) return lock;
    return Error(absl::StatusCode::kAborted, "BACKUP_RUNNING",
                 absl::StrCat("another process makes a backup in ", folder, ": try again later"),
                 {{"path", folder}});
  }
  ~FolderLock() {
    if (lock_ != nullptr) rocksdb::Env::Default()->UnlockFile(lock_).PermitUncheckedError();
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  FolderLock() = default;
  rocksdb::FileLock* lock_ = nullptr;
};

// Goes away with all that is in it.
class Remains {
 public:
  explicit Remains(std::string path) : path_(std::move(path)) { Remove(); }
  ~Remains() { Remove(); }
  Remains(const Remains&) = delete;
  Remains& operator=(const Remains&) = delete;

 private:
  void Remove() const {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  const std::string path_;
};

}  // namespace

Backups::Backups(StoreGroup& stores, BackupOptions options)
    : stores_(stores), options_(std::move(options)) {
  const Remains of_an_earlier_process(Checkpoints());
  if (options_.folder.empty()) return;
  const auto backups = ListBackups(options_.folder);
  if (backups.ok() && !backups->empty()) {
    last_success_millis_ = absl::ToUnixMillis(backups->front().time);
  }
}

// Beside the stores: links do not leave a file system.
std::string Backups::Checkpoints() const {
  return (fs::path(options_.data_dir) / "backup.tmp").string();
}

absl::Status Backups::CheckSet() const {
  if (!options_.folder.empty()) return absl::OkStatus();
  return Error(
      absl::StatusCode::kFailedPrecondition, "BACKUP_DIR_NOT_SET",
      absl::StrCat("this server makes no backups: start ", options_.program, " with --backup-dir"));
}

absl::Status Backups::CheckAlive(const Alive& alive) const {
  if (stopping_) {
    return Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                 "the server is stopping; ask again when it is back");
  }
  return alive ? alive() : absl::OkStatus();
}

absl::StatusOr<Backups::Made> Backups::Create(const Alive& alive) {
  RECSAE_RETURN_IF_ERROR(CheckSet());
  if (!mutex_.TryLock()) {
    return Error(absl::StatusCode::kAborted, "BACKUP_RUNNING",
                 "a backup is being made or verified: try again when that is done");
  }
  auto made = CreateLocked(alive);
  mutex_.Unlock();
  return made;
}

absl::StatusOr<Backups::Made> Backups::CreateLocked(const Alive& alive) {
  const absl::Time begin = absl::Now();
  RECSAE_RETURN_IF_ERROR(ClaimBackupFolder(options_.folder, options_.program));
  RECSAE_ASSIGN_OR_RETURN(const auto lock, FolderLock::Take(options_.folder));
  // Room first, what is kept last.
  RECSAE_RETURN_IF_ERROR(Sweep(options_.kept));
  const Remains checkpoints(Checkpoints());
  Made made;
  made.backup = {NewId(), begin, options_.program, options_.version, {}};
  RECSAE_ASSIGN_OR_RETURN(made.backup.stores, Hold(&made.held));
  for (BackedUpStore& store : made.backup.stores) RECSAE_RETURN_IF_ERROR(Copy(store, alive));
  RECSAE_RETURN_IF_ERROR(CheckAlive(alive));
  RECSAE_RETURN_IF_ERROR(WriteRecord(options_.folder, made.backup));
  last_success_millis_ = absl::ToUnixMillis(begin);
  made.took = absl::Now() - begin;
  RECSAE_RETURN_IF_ERROR(Sweep(options_.kept));
  return made;
}

// Marks one moment of all of them; whether its files could be told. `patient`: writes wait until
// they are, so that they are those of the moment whatever compactions make of them.
absl::StatusOr<bool> Backups::MarkAll(const std::vector<std::unique_ptr<Checkpoint>>& checkpoints,
                                      bool patient, absl::Duration* held) const {
  const auto list_all = [&]() -> absl::StatusOr<bool> {
    bool all = true;
    for (const auto& checkpoint : checkpoints) {
      RECSAE_ASSIGN_OR_RETURN(const bool listed, checkpoint->List());
      all = all && listed;
      if (!all && !patient) break;
    }
    return all || patient;
  };
  // From here on writes that come wait; first for those under way.
  const absl::Time begin = absl::Now();
  absl::StatusOr<bool> listed = false;
  {
    const absl::MutexLock no_writes(&stores_.gate());
    for (const auto& checkpoint : checkpoints) RECSAE_RETURN_IF_ERROR(checkpoint->Mark());
    if (patient) listed = list_all();
  }
  *held = std::max(*held, absl::Now() - begin);
  return patient ? listed : list_all();
}

absl::StatusOr<std::vector<BackedUpStore>> Backups::Hold(absl::Duration* held) const {
  RECSAE_RETURN_IF_ERROR(MakeDirectory(*rocksdb::Env::Default(), Checkpoints()));
  std::vector<BackedUpStore> stores;
  const absl::Status noted =
      stores_.WithAll([&](const std::vector<Database*>& databases) -> absl::Status {
        std::vector<std::unique_ptr<Checkpoint>> checkpoints;
        for (Database* database : databases) {
          RECSAE_ASSIGN_OR_RETURN(checkpoints.emplace_back(), database->TakeCheckpoint());
          RECSAE_ASSIGN_OR_RETURN(const uint64_t in_logs, checkpoints.back()->InLogs());
          if (in_logs > kFlushedBytes) RECSAE_RETURN_IF_ERROR(database->Flush());
        }
        bool listed = false;
        for (int i = 1; !listed; ++i) {
          RECSAE_ASSIGN_OR_RETURN(listed, MarkAll(checkpoints, i >= kMoments, held));
        }
        for (size_t i = 0; i < databases.size(); ++i) {
          const Database& database = *databases[i];
          const std::string name = fs::path(database.path()).filename().string();
          stores.push_back({name, database.service(), database.store_id(), database.format()});
          RECSAE_RETURN_IF_ERROR(checkpoints[i]->Write((fs::path(Checkpoints()) / name).string()));
        }
        return absl::OkStatus();
      });
  RECSAE_RETURN_IF_ERROR(noted);
  return stores;
}

absl::Status Backups::Copy(BackedUpStore& store, const Alive& alive) const {
  DatabaseOptions options;
  options.service = store.service;
  options.write_buffer_bytes = kCopyBufferBytes;
  options.block_cache_bytes = kCopyBufferBytes;
  const std::string copy = (fs::path(Checkpoints()) / store.store).string();
  RECSAE_ASSIGN_OR_RETURN(const auto database,
                          OpenEngine(copy, options, {.tight = true, .compactions = false}));
  RECSAE_ASSIGN_OR_RETURN(
      const auto engine,
      OpenBackupEngine(EngineFolder(options_.folder, store.store), options_.bytes_per_second));
  rocksdb::CreateBackupOptions how;
  how.progress_callback = [&] {
    if (!CheckAlive(alive).ok()) engine->StopBackup();
  };
  rocksdb::BackupID number = 0;
  const rocksdb::Status status = engine->CreateNewBackup(how, database->db.get(), &number);
  RECSAE_RETURN_IF_ERROR(CheckAlive(alive));
  RECSAE_RETURN_IF_ERROR(
      FromRocksDb(status, absl::StrCat("backup of ", store.store, " to ", options_.folder)));
  rocksdb::BackupInfo info;
  RECSAE_RETURN_IF_ERROR(FromRocksDb(engine->GetBackupInfo(number, &info),
                                     absl::StrCat("backup folder ", options_.folder)));
  store.number = number;
  store.bytes = static_cast<int64_t>(info.size);
  store.files = info.number_files;
  return absl::OkStatus();
}

absl::Status Backups::Sweep(int kept) const {
  RECSAE_ASSIGN_OR_RETURN(std::vector<BackupRecord> backups, ListBackups(options_.folder));
  for (; static_cast<int>(backups.size()) > kept; backups.pop_back()) {
    RECSAE_RETURN_IF_ERROR(RemoveRecord(options_.folder, backups.back().id));
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(EngineFolder(options_.folder, ""), error)) {
    const std::string store = entry.path().filename().string();
    RECSAE_ASSIGN_OR_RETURN(const auto engine, OpenBackupEngine(entry.path().string(), 0));
    std::vector<rocksdb::BackupInfo> infos;
    engine->GetBackupInfo(&infos);
    for (const rocksdb::BackupInfo& info : infos) {
      const bool named =
          std::any_of(backups.begin(), backups.end(), [&](const BackupRecord& backup) {
            return std::any_of(backup.stores.begin(), backup.stores.end(),
                               [&](const BackedUpStore& held) {
                                 return held.store == store && held.number == info.backup_id;
                               });
          });
      if (named) continue;
      RECSAE_RETURN_IF_ERROR(FromRocksDb(engine->DeleteBackup(info.backup_id),
                                         absl::StrCat("backup folder ", options_.folder)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<BackupRecord>> Backups::List() const {
  RECSAE_RETURN_IF_ERROR(CheckSet());
  std::error_code error;
  if (!fs::exists(options_.folder, error) || fs::is_empty(options_.folder, error)) {
    return std::vector<BackupRecord>();
  }
  return ListBackups(options_.folder);
}

absl::StatusOr<BackupRecord> Backups::Verify(const std::string& id, const Alive& alive) {
  RECSAE_RETURN_IF_ERROR(CheckSet());
  RECSAE_ASSIGN_OR_RETURN(BackupRecord backup, FindBackup(options_.folder, id));
  if (!mutex_.TryLock()) {
    return Error(absl::StatusCode::kAborted, "BACKUP_RUNNING",
                 "a backup is being made or verified: try again when that is done");
  }
  const absl::Status verified =
      VerifyBackup(options_.folder, backup, [&] { return CheckAlive(alive); });
  mutex_.Unlock();
  RECSAE_RETURN_IF_ERROR(verified);
  return backup;
}

}  // namespace recsae
