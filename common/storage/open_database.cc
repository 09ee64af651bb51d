// Opening a directory: whose it is, whether there is room, RocksDB's options.
#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/storage/database_impl.h"
#include "common/storage/info_log.h"
#include "common/storage/rocksdb_status.h"
#include "common/storage/store_group.h"

namespace recsae {
namespace {

// Databases of before they held a copy of their marker are of this format.
constexpr int kFirstFormat = 1;

rocksdb::Options DatabaseWideOptions(const DatabaseOptions& options, rocksdb::Env* env) {
  rocksdb::Options rocks;
  rocks.create_if_missing = true;
  rocks.create_missing_column_families = true;
  rocks.db_write_buffer_size = options.write_buffer_bytes;
  rocks.max_total_wal_size = 2 * options.write_buffer_bytes;
  rocks.max_background_jobs = 2;
  rocks.max_open_files = 512;
  // A log that takes 18 MB before a byte is in it leaves small volumes no room.
  rocks.allow_fallocate = false;
  rocks.env = env;
  return rocks;
}

rocksdb::ColumnFamilyOptions FamilyWideOptions(bool incompressible, const DatabaseOptions& options,
                                               const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = incompressible ? size_t{64} << 10 : size_t{16} << 10;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.compression = incompressible ? rocksdb::kNoCompression : rocksdb::kLZ4Compression;
  family.write_buffer_size = std::max(options.write_buffer_bytes / 4, size_t{1} << 20);
  // What a compaction writes before it removes what it read should fit into what is kept free.
  family.max_bytes_for_level_base = 4 * family.write_buffer_size;
  family.target_file_size_base = family.write_buffer_size;
  family.target_file_size_multiplier = 2;
  return family;
}

std::vector<FamilyOptions> WantedFamilies(const DatabaseOptions& options) {
  std::vector<FamilyOptions> wanted = {{kDefaultFamily, false}, {kRequestFamily, false}};
  wanted.insert(wanted.end(), options.families.begin(), options.families.end());
  return wanted;
}

bool Holds(const std::vector<FamilyOptions>& families, const std::string& name) {
  return std::any_of(families.begin(), families.end(),
                     [&](const FamilyOptions& family) { return family.name == name; });
}

// The families asked for and those that are there already: RocksDB opens all or none.
std::vector<rocksdb::ColumnFamilyDescriptor> AllFamilies(
    const DatabaseOptions& options, const std::vector<std::string>& present,
    const std::shared_ptr<rocksdb::Cache>& cache) {
  std::vector<FamilyOptions> families = WantedFamilies(options);
  for (const std::string& name : present) {
    if (!Holds(families, name)) families.push_back({name, false});
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(families.size());
  for (const FamilyOptions& family : families) {
    descriptors.emplace_back(family.name, FamilyWideOptions(family.incompressible, options, cache));
  }
  return descriptors;
}

absl::Status OpenError(const rocksdb::Status& status, const std::string& path) {
  if (status.IsIOError() && absl::StrContains(status.ToString(), "lock ")) {
    return Refused("STORE_LOCKED", path,
                   "is in use by another process: stop it or give another directory");
  }
  // RocksDB has no code for what a newer one wrote.
  const std::string text = status.ToString();
  for (const char* newer : {"format_version", "newer version", "Unknown Footer", "Unknown tag"}) {
    if (!absl::StrContains(text, newer)) continue;
    return Refused("STORE_FORMAT_TOO_NEW", path,
                   absl::StrCat("was written by a RocksDB newer than this program's, ",
                                rocksdb::GetRocksVersionAsString(), " (", text,
                                "): use the version that wrote it"));
  }
  return FromRocksDb(status, absl::StrCat("open data directory ", path));
}

// Fails for a directory that is not a database yet; a real fault shows when it is opened.
std::vector<std::string> ListFamilies(const std::string& path, rocksdb::Env* env) {
  rocksdb::DBOptions listing;
  listing.env = env;
  std::vector<std::string> present;
  if (!rocksdb::DB::ListColumnFamilies(listing, path, &present).ok()) present.clear();
  return present;
}

// A directory on its way to a database.
class Opening {
 public:
  Opening(const std::string& path, const DatabaseOptions& options)
      : path_(path),
        options_(options),
        env_(options.environment.env != nullptr ? options.environment.env
                                                : rocksdb::Env::Default()) {}

  rocksdb::Env* env() const { return env_; }
  // Families of the database that is there; none if there is none yet.
  const std::vector<std::string>& present() const { return present_; }
  // Whether the directory is this service's, as far as can be said before it is open; a new one is
  // marked.
  absl::Status Claim() {
    RECSAE_RETURN_IF_ERROR(MakeDirectory(*env_, path_));
    present_ = ListFamilies(path_, env_);
    RECSAE_ASSIGN_OR_RETURN(file_, ReadMarker(*env_, path_));
    if (file_.marker.has_value()) {
      RECSAE_RETURN_IF_ERROR(CheckMarker(*file_.marker, path_, options_.service, options_.format));
      return CheckRoom();
    }
    RECSAE_RETURN_IF_ERROR(present_.empty() ? CheckUnused() : CheckFamilies());
    RECSAE_RETURN_IF_ERROR(CheckRoom());
    if (!present_.empty()) return absl::OkStatus();
    made_ = Marker{options_.service, options_.format, NewStoreId()};
    return WriteMarker(*env_, path_, made_);
  }

  // What the open database says of itself; where it says nothing yet, what it will say.
  absl::StatusOr<Marker> Identify(const absl::StatusOr<std::string>& stored) const {
    if (stored.ok()) {
      const std::optional<Marker> marker = DecodeMarker(*stored);
      if (!marker.has_value()) {
        return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                     absl::StrCat("the database in ", path_,
                                  " does not say whose it is; restore "
                                  "the directory from a backup"),
                     {{"path", path_}});
      }
      RECSAE_RETURN_IF_ERROR(CheckMarker(*marker, path_, options_.service, options_.format));
      return *marker;
    }
    if (!absl::IsNotFound(stored.status())) return stored.status();
    // A new database is another store, whatever an older marker says: the directory was emptied.
    if (present_.empty()) {
      return made_.store_id.empty() ? Marker{options_.service, options_.format, NewStoreId()}
                                    : made_;
    }
    Marker marker = file_.marker.value_or(Marker{options_.service, kFirstFormat, ""});
    if (marker.store_id.empty()) marker.store_id = NewStoreId();
    return marker;
  }

  // Makes the file say what the database says.
  absl::Status Mark(const Marker& marker) const {
    if (marker == made_ || marker == file_.marker) return absl::OkStatus();
    return WriteMarker(*env_, path_, marker);
  }

 private:
  // No marker, no database. One that was cut off says that the directory is ours.
  absl::Status CheckUnused() const {
    if (file_.exists) return absl::OkStatus();
    RECSAE_ASSIGN_OR_RETURN(const bool foreign, HoldsForeignFiles(*env_, path_));
    if (!foreign) return absl::OkStatus();
    return Refused("STORE_OF_OTHER_SERVICE", path_,
                   "is not empty and has no STORE file: give an empty or new directory");
  }

  // No marker, but a database: it is opened, and asked, if its families are those of the service.
  absl::Status CheckFamilies() const {
    const std::vector<FamilyOptions> wanted = WantedFamilies(options_);
    const bool ours = std::all_of(present_.begin(), present_.end(),
                                  [&](const std::string& name) { return Holds(wanted, name); }) &&
                      std::count(present_.begin(), present_.end(), kRequestFamily) == 1;
    if (ours) return absl::OkStatus();
    return Refused(
        "STORE_OF_OTHER_SERVICE", path_,
        absl::StrCat("has no whole STORE file, and its database (", absl::StrJoin(present_, ", "),
                     ") is not one of ", options_.service, ": give another directory"));
  }

  absl::Status CheckRoom() const { return CheckRoomToOpen(*env_, path_).status(); }

  const std::string& path_;
  const DatabaseOptions& options_;
  rocksdb::Env* const env_;
  std::vector<std::string> present_;
  MarkerFile file_;
  Marker made_;  // by Claim
};

}  // namespace

absl::StatusOr<rocksdb::ColumnFamilyHandle*> Families::Find(absl::string_view name) const {
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    if (name == absl::string_view(handle->GetName())) return handle;
  }
  return Error(absl::StatusCode::kInternal, "STORE_ERROR",
               absl::StrCat("the database has no family \"", name, "\""));
}

Engine::~Engine() {
  if (db == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : families.handles) {
    db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  db->Close().PermitUncheckedError();
}

// RocksDB, as distributions build it, ends the process when the disk is full while it opens.
absl::StatusOr<bool> CheckRoomToOpen(rocksdb::Env& env, const std::string& path) {
  std::vector<rocksdb::Env::FileAttributes> files;
  uint64_t logs = 0;
  if (env.GetChildrenFileAttributes(path, &files).ok()) {
    for (const auto& file : files) {
      if (absl::EndsWith(file.name, ".log")) logs += file.size_bytes;
    }
  }
  RECSAE_RETURN_IF_ERROR(CheckFreeSpace(env, path, kOpeningBytes));
  return !CheckFreeSpace(env, path, kOpeningBytes + logs).ok();
}

absl::StatusOr<std::shared_ptr<Engine>> OpenEngine(const std::string& path,
                                                   const DatabaseOptions& options,
                                                   const EngineOptions& how) {
  auto engine = std::make_shared<Engine>();
  rocksdb::Env* const env =
      options.environment.env != nullptr ? options.environment.env : rocksdb::Env::Default();
  rocksdb::Options wide = DatabaseWideOptions(options, env);
  wide.listeners.push_back(engine->keeper);
  wide.info_log = MakeInfoLog(path);
  wide.avoid_flush_during_recovery = how.tight;
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyDescriptor> families = AllFamilies(
      options, ListFamilies(path, env), rocksdb::NewLRUCache(options.block_cache_bytes));
  for (rocksdb::ColumnFamilyDescriptor& family : families) {
    family.options.disable_auto_compactions = !how.compactions;
  }
  const rocksdb::Status status =
      rocksdb::DB::Open(wide, path, families, &engine->families.handles, &db);
  if (!status.ok()) return OpenError(status, path);
  engine->db.reset(db);
  return engine;
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const DatabaseOptions& options) {
  Opening opening(path, options);
  RECSAE_RETURN_IF_ERROR(opening.Claim());
  RECSAE_ASSIGN_OR_RETURN(const bool tight, CheckRoomToOpen(*opening.env(), path));
  auto impl = std::make_unique<Impl>(path, options);
  {
    const absl::MutexLock lock(&impl->mutex);
    RECSAE_ASSIGN_OR_RETURN(impl->engine, OpenEngine(path, options, {.tight = tight}));
  }
  std::unique_ptr<Database> database(new Database(std::move(impl)));

  const absl::StatusOr<std::string> stored = database->Get(kDefaultFamily, kMarkerKey);
  RECSAE_ASSIGN_OR_RETURN(const Marker marker, opening.Identify(stored));
  database->impl_->marker = marker;
  if (!stored.ok()) {
    WriteBatch batch = database->NewBatch();
    batch.UseReserve();
    batch.Put(kDefaultFamily, kMarkerKey, EncodeMarker(marker));
    RECSAE_RETURN_IF_ERROR(database->Write(std::move(batch)));
  }
  RECSAE_RETURN_IF_ERROR(opening.Mark(marker));
  if (options.environment.group != nullptr) options.environment.group->Join(database.get());
  return database;
}

}  // namespace recsae
