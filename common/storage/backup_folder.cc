#include "common/storage/backup_folder.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/backup_engine.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/base/whole_number.h"
#include "common/storage/database_impl.h"
#include "common/storage/epochs.h"
#include "common/storage/marker.h"
#include "common/storage/rocksdb_status.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kFolderMarker[] = "BACKUPS";
constexpr char kRecords[] = "backups";
constexpr char kStores[] = "stores";
constexpr char kSuffix[] = ".json";
constexpr char kRestoring[] = ".restoring";
constexpr int kFolderFormat = 1;

std::string Join(const std::string& folder, absl::string_view name) {
  return (fs::path(folder) / std::string(name)).string();
}

absl::Status Unusable(const std::string& folder, absl::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, "BACKUP_DIR_UNUSABLE",
               absl::StrCat("backup folder ", folder, " ", why), {{"path", folder}});
}

absl::Status Corrupt(absl::string_view what, absl::string_view why) {
  return Error(absl::StatusCode::kDataLoss, "BACKUP_CORRUPT",
               absl::StrCat(what, " is damaged: ", why, "; take another backup"),
               {{"backup", std::string(what)}});
}

// A lack of room, else a folder that a person has to mend.
absl::Status Checked(const rocksdb::Status& status, const std::string& folder) {
  if (status.ok()) return absl::OkStatus();
  const absl::Status error = FromRocksDb(status, absl::StrCat("backup folder ", folder));
  if (error.code() == absl::StatusCode::kResourceExhausted) return error;
  return Unusable(folder, absl::StrCat("cannot be used: ", status.ToString()));
}

absl::Status SyncFolder(const std::string& folder) {
  rocksdb::Env& env = *rocksdb::Env::Default();
  std::unique_ptr<rocksdb::Directory> directory;
  RECSAE_RETURN_IF_ERROR(Checked(env.NewDirectory(folder, &directory), folder));
  return Checked(directory->Fsync(), folder);
}

absl::Status WriteWhole(const std::string& folder, const std::string& name,
                        const std::string& text) {
  rocksdb::Env& env = *rocksdb::Env::Default();
  const std::string file = Join(folder, name);
  const std::string temporary = absl::StrCat(file, ".tmp");
  RECSAE_RETURN_IF_ERROR(
      Checked(rocksdb::WriteStringToFile(&env, text, temporary, /*sync=*/true), folder));
  RECSAE_RETURN_IF_ERROR(Checked(env.RenameFile(temporary, file), folder));
  return SyncFolder(folder);
}

absl::StatusOr<std::optional<Marker>> ReadFolderMarker(const std::string& folder) {
  std::error_code error;
  const std::string file = Join(folder, kFolderMarker);
  if (!fs::exists(file, error)) return std::nullopt;
  std::string text;
  RECSAE_RETURN_IF_ERROR(
      Checked(rocksdb::ReadFileToString(rocksdb::Env::Default(), file, &text), folder));
  return DecodeMarker(text);
}

json ToJson(const BackupRecord& backup) {
  json stores = json::array();
  for (const BackedUpStore& store : backup.stores) {
    stores.push_back({{"store", store.store},
                      {"service", store.service},
                      {"store_id", store.store_id},
                      {"format", store.format},
                      {"number", store.number},
                      {"bytes", store.bytes},
                      {"files", store.files}});
  }
  return {{"id", backup.id},
          {"unix_millis", absl::ToUnixMillis(backup.time)},
          {"program", backup.program},
          {"version", backup.version},
          {"stores", stores}};
}

// -1 for what counts no bytes and no files: sums of such numbers would be none.
int64_t Count(const json& value) {
  constexpr int64_t kMost = int64_t{1} << 50;
  const int64_t count = WholeNumber<int64_t>(value).value_or(-1);
  return count > kMost ? -1 : count;
}

BackupRecord FromJson(const json& record) {
  BackupRecord backup;
  backup.id = record.at("id").get<std::string>();
  backup.time = absl::FromUnixMillis(RequiredWholeNumber<int64_t>(record.at("unix_millis")));
  backup.program = record.at("program").get<std::string>();
  backup.version = record.at("version").get<std::string>();
  for (const json& store : record.at("stores")) {
    backup.stores.push_back(
        {store.at("store").get<std::string>(), store.at("service").get<std::string>(),
         store.at("store_id").get<std::string>(), RequiredWholeNumber<int>(store.at("format")),
         RequiredWholeNumber<uint32_t>(store.at("number")), Count(store.at("bytes")),
         Count(store.at("files"))});
  }
  return backup;
}

absl::StatusOr<BackupRecord> ReadRecord(const std::string& folder, const std::string& id) {
  std::string text;
  const std::string file = Join(Join(folder, kRecords), absl::StrCat(id, kSuffix));
  RECSAE_RETURN_IF_ERROR(
      Checked(rocksdb::ReadFileToString(rocksdb::Env::Default(), file, &text), folder));
  try {
    BackupRecord backup = FromJson(json::parse(text));
    if (backup.id != id) return Corrupt(file, "it is of another backup");
    for (const BackedUpStore& store : backup.stores) {
      if (store.bytes < 0 || store.files < 0) return Corrupt(file, "a store has no size");
      // It becomes a part of paths.
      RECSAE_RETURN_IF_ERROR(ValidateId(store.store, "store"));
    }
    return backup;
  } catch (const json::exception& e) {
    return Corrupt(file, e.what());
  } catch (const std::out_of_range& e) {
    return Corrupt(file, e.what());
  }
}

// A file system that stops reading when nobody waits any more.
class InterruptibleFiles : public rocksdb::FileSystemWrapper {
 public:
  explicit InterruptibleFiles(const Alive& alive)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), alive_(alive) {}
  const char* Name() const override { return "InterruptibleFiles"; }

  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    rocksdb::IOStatus status = target()->NewSequentialFile(path, options, &file, debug);
    if (status.ok()) *result = std::make_unique<File>(alive_, std::move(file));
    return status;
  }

 private:
  class File : public rocksdb::FSSequentialFileOwnerWrapper {
   public:
    File(const Alive& alive, std::unique_ptr<rocksdb::FSSequentialFile> file)
        : FSSequentialFileOwnerWrapper(std::move(file)), alive_(alive) {}

    rocksdb::IOStatus Read(size_t n, const rocksdb::IOOptions& options, rocksdb::Slice* result,
                           char* scratch, rocksdb::IODebugContext* debug) override {
      if (alive_ && !alive_().ok()) return rocksdb::IOStatus::Aborted("nobody waits");
      return FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, debug);
    }

   private:
    const Alive& alive_;
  };

  const Alive& alive_;
};

absl::StatusOr<std::unique_ptr<rocksdb::BackupEngineReadOnly>> OpenEngineToRead(
    const std::string& folder, const std::string& store, rocksdb::Env* env) {
  rocksdb::BackupEngineOptions options(EngineFolder(folder, store));
  options.backup_env = env;
  rocksdb::BackupEngineReadOnly* engine = nullptr;
  const rocksdb::Status status =
      rocksdb::BackupEngineReadOnly::Open(options, rocksdb::Env::Default(), &engine);
  if (!status.ok()) return Corrupt(EngineFolder(folder, store), status.ToString());
  return std::unique_ptr<rocksdb::BackupEngineReadOnly>(engine);
}

// What an engine says of a backup that it read.
absl::Status Read(const rocksdb::Status& status, const BackupRecord& backup,
                  const BackedUpStore& store) {
  if (status.ok()) return absl::OkStatus();
  const absl::Status error = FromRocksDb(status, absl::StrCat("store ", store.store));
  if (error.code() == absl::StatusCode::kResourceExhausted) return error;
  return Corrupt(absl::StrCat("store ", store.store, " of backup ", backup.id), status.ToString());
}

absl::Status CheckTarget(const std::string& to) {
  std::error_code error;
  const fs::file_status found = fs::status(to, error);
  if (!fs::exists(found)) return absl::OkStatus();
  if (fs::is_directory(found) && fs::is_empty(to, error) && !error) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "RESTORE_TARGET_USED",
               absl::StrCat(to,
                            " is there and not an empty folder: restore into a new one, and "
                            "move it to its place"),
               {{"path", to}});
}

// Makes a restored store another one than that which was backed up.
absl::Status BeginAnew(const std::string& path, const BackedUpStore& store) {
  const Marker marker{store.service, store.format, NewStoreId()};
  RECSAE_RETURN_IF_ERROR(WriteMarker(*rocksdb::Env::Default(), path, marker));
  DatabaseOptions options;
  options.service = store.service;
  RECSAE_ASSIGN_OR_RETURN(const auto engine, OpenEngine(path, options, {.compactions = false}));
  RECSAE_ASSIGN_OR_RETURN(auto* family, engine->families.Find(kDefaultFamily));
  rocksdb::WriteBatch batch;
  rocksdb::WriteOptions write;
  write.sync = true;
  rocksdb::Status status = batch.Put(family, kMarkerKey, EncodeMarker(marker));
  if (status.ok()) status = batch.Delete(family, kEpochsKey);
  if (status.ok()) status = engine->db->Write(write, &batch);
  return FromRocksDb(status, absl::StrCat("write to ", path));
}

absl::Status RestoreStores(const std::string& folder, const BackupRecord& backup,
                           const std::string& to) {
  RECSAE_RETURN_IF_ERROR(ClaimFolder(to, backup.program));
  for (const BackedUpStore& store : backup.stores) {
    const std::string path = Join(to, store.store);
    RECSAE_ASSIGN_OR_RETURN(const auto engine,
                            OpenEngineToRead(folder, store.store, rocksdb::Env::Default()));
    RECSAE_RETURN_IF_ERROR(
        Read(engine->RestoreDBFromBackup(rocksdb::RestoreOptions(), store.number, path, path),
             backup, store));
    RECSAE_RETURN_IF_ERROR(BeginAnew(path, store));
  }
  return SyncFolder(to);
}

}  // namespace

int64_t BackupRecord::bytes() const {
  int64_t bytes = 0;
  for (const BackedUpStore& store : stores) bytes += store.bytes;
  return bytes;
}

std::string EngineFolder(const std::string& folder, const std::string& store) {
  return Join(Join(folder, kStores), store);
}

absl::StatusOr<std::vector<BackupRecord>> ListBackups(const std::string& folder) {
  RECSAE_ASSIGN_OR_RETURN(const std::optional<Marker> marker, ReadFolderMarker(folder));
  if (!marker.has_value()) {
    return Unusable(folder, "holds no backups: it is not there, or has no BACKUPS file");
  }
  std::vector<std::string> names;
  RECSAE_RETURN_IF_ERROR(
      Checked(rocksdb::Env::Default()->GetChildren(Join(folder, kRecords), &names), folder));
  // Ids ascend with time.
  std::sort(names.rbegin(), names.rend());
  std::vector<BackupRecord> backups;
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, kSuffix)) continue;
    RECSAE_ASSIGN_OR_RETURN(backups.emplace_back(),
                            ReadRecord(folder, std::string(absl::StripSuffix(name, kSuffix))));
  }
  return backups;
}

absl::StatusOr<BackupRecord> FindBackup(const std::string& folder, const std::string& id) {
  RECSAE_ASSIGN_OR_RETURN(std::vector<BackupRecord> backups, ListBackups(folder));
  for (BackupRecord& backup : backups) {
    if (id.empty() || backup.id == id) return std::move(backup);
  }
  return Error(absl::StatusCode::kNotFound, "BACKUP_NOT_FOUND",
               id.empty() ? absl::StrCat("there is no backup in ", folder)
                          : absl::StrCat("there is no backup ", id, " in ", folder),
               {{"backup", id}});
}

absl::Status VerifyBackup(const std::string& folder, const BackupRecord& backup,
                          const Alive& alive) {
  const auto files = std::make_shared<InterruptibleFiles>(alive);
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
  for (const BackedUpStore& store : backup.stores) {
    const auto engine = OpenEngineToRead(folder, store.store, env.get());
    rocksdb::Status status;
    if (engine.ok()) status = (*engine)->VerifyBackup(store.number, /*verify_with_checksum=*/true);
    // What was broken off is not damaged.
    if (alive) RECSAE_RETURN_IF_ERROR(alive());
    RECSAE_RETURN_IF_ERROR(engine.status());
    RECSAE_RETURN_IF_ERROR(Read(status, backup, store));
  }
  return absl::OkStatus();
}

absl::Status RestoreBackup(const std::string& folder, const BackupRecord& backup,
                           const std::string& to) {
  std::error_code error;
  fs::path target = fs::absolute(to, error).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  RECSAE_RETURN_IF_ERROR(CheckTarget(target.string()));
  const std::string staging = absl::StrCat(target.string(), kRestoring);
  fs::remove_all(staging, error);
  const absl::Status restored = RestoreStores(folder, backup, staging);
  if (!restored.ok()) {
    fs::remove_all(staging, error);
    return restored;
  }
  fs::rename(staging, target, error);
  if (error) {
    return Refused("STORE_UNUSABLE", target.string(),
                   absl::StrCat("cannot be made: ", error.message()));
  }
  return SyncFolder(target.parent_path().string());
}

absl::Status ClaimBackupFolder(const std::string& folder, const std::string& program) {
  rocksdb::Env& env = *rocksdb::Env::Default();
  RECSAE_RETURN_IF_ERROR(MakeDirectory(env, Join(folder, kRecords)));
  RECSAE_RETURN_IF_ERROR(MakeDirectory(env, Join(folder, kStores)));
  RECSAE_ASSIGN_OR_RETURN(const std::optional<Marker> marker, ReadFolderMarker(folder));
  if (!marker.has_value()) {
    return WriteWhole(folder, kFolderMarker, EncodeMarker({program, kFolderFormat, NewStoreId()}));
  }
  if (marker->format > kFolderFormat) {
    return Unusable(folder, absl::StrCat("has format ", marker->format,
                                         ", of a newer version: use that, or another folder"));
  }
  if (marker->service == program) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "BACKUP_DIR_OF_OTHER",
               absl::StrCat("backup folder ", folder, " holds backups of ", marker->service,
                            ", not of ", program, ": give each server a folder of its own"),
               {{"path", folder}});
}

absl::Status WriteRecord(const std::string& folder, const BackupRecord& backup) {
  return WriteWhole(Join(folder, kRecords), absl::StrCat(backup.id, kSuffix),
                    ToJson(backup).dump(1) + "\n");
}

absl::Status RemoveRecord(const std::string& folder, const std::string& id) {
  const std::string records = Join(folder, kRecords);
  RECSAE_RETURN_IF_ERROR(Checked(
      rocksdb::Env::Default()->DeleteFile(Join(records, absl::StrCat(id, kSuffix))), folder));
  return SyncFolder(records);
}

}  // namespace recsae
