#include "common/storage/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/storage/keys.h"
#include "common/storage/marker.h"
#include "common/storage/rocksdb_status.h"

namespace recsae {
namespace {

rocksdb::Slice ToSlice(absl::string_view text) { return {text.data(), text.size()}; }
absl::string_view FromSlice(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// Family names to RocksDB's handles.
class Families {
 public:
  std::vector<rocksdb::ColumnFamilyHandle*> handles;

  absl::StatusOr<rocksdb::ColumnFamilyHandle*> Find(absl::string_view name) const {
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      if (name == absl::string_view(handle->GetName())) return handle;
    }
    return Error(absl::StatusCode::kInternal, "STORE_ERROR",
                 absl::StrCat("the database has no family \"", name, "\""));
  }
};

rocksdb::Options DatabaseWideOptions(const DatabaseOptions& options) {
  rocksdb::Options rocks;
  rocks.create_if_missing = true;
  rocks.create_missing_column_families = true;
  rocks.db_write_buffer_size = options.write_buffer_bytes;
  rocks.max_total_wal_size = 2 * options.write_buffer_bytes;
  rocks.max_background_jobs = 2;
  rocks.max_open_files = 512;
  rocks.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  rocks.keep_log_file_num = 3;
  rocks.max_log_file_size = size_t{4} << 20;
  if (options.env != nullptr) rocks.env = options.env;
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
  return family;
}

// The families asked for and those that are there already: RocksDB opens all or none.
absl::StatusOr<std::vector<rocksdb::ColumnFamilyDescriptor>> AllFamilies(
    const std::string& path, const DatabaseOptions& options,
    const std::shared_ptr<rocksdb::Cache>& cache) {
  std::vector<FamilyOptions> wanted = {{kDefaultFamily, false}, {kRequestFamily, false}};
  wanted.insert(wanted.end(), options.families.begin(), options.families.end());
  std::vector<std::string> present;
  // Fails for a directory that is not a database yet; a real fault shows at Open.
  if (rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), path, &present).ok()) {
    for (const std::string& name : present) {
      const bool known = std::any_of(wanted.begin(), wanted.end(),
                                     [&](const FamilyOptions& f) { return f.name == name; });
      if (!known) wanted.push_back({name, false});
    }
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(wanted.size());
  for (const FamilyOptions& family : wanted) {
    descriptors.emplace_back(family.name, FamilyWideOptions(family.incompressible, options, cache));
  }
  return descriptors;
}

absl::Status OpenError(const rocksdb::Status& status, const std::string& path) {
  if (status.IsIOError() && absl::StrContains(status.ToString(), "lock ")) {
    return Error(absl::StatusCode::kFailedPrecondition, "STORE_LOCKED",
                 absl::StrCat("data directory ", path,
                              " is in use by another process: stop it or give another directory"),
                 {{"path", path}});
  }
  return FromRocksDb(status, absl::StrCat("open data directory ", path));
}

}  // namespace

struct Database::Impl {
  std::string path;
  int format = 0;
  std::shared_ptr<rocksdb::Cache> cache;
  std::unique_ptr<rocksdb::DB> db;
  Families families;

  ~Impl() {
    if (db == nullptr) return;
    for (rocksdb::ColumnFamilyHandle* handle : families.handles) {
      db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
    }
    db->Close().PermitUncheckedError();
  }
};

struct Snapshot::Impl {
  rocksdb::DB* db;
  const rocksdb::Snapshot* snapshot;
  ~Impl() { db->ReleaseSnapshot(snapshot); }
};

struct WriteBatch::Impl {
  const Families* families;
  rocksdb::WriteBatch batch;
  absl::Status error;  // the first one; Write returns it
};

struct Scanner::Impl {
  std::string lower;
  std::string upper;
  rocksdb::Slice lower_slice;
  rocksdb::Slice upper_slice;
  bool reverse = false;
  absl::Status error;
  std::unique_ptr<rocksdb::Iterator> iterator;
};

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const DatabaseOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  RECSAE_ASSIGN_OR_RETURN(impl->format, ClaimDirectory(path, options.service, options.format));
  impl->cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  RECSAE_ASSIGN_OR_RETURN(auto descriptors, AllFamilies(path, options, impl->cache));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(DatabaseWideOptions(options), path, descriptors,
                                                   &impl->families.handles, &db);
  if (!status.ok()) return OpenError(status, path);
  impl->db.reset(db);
  return std::unique_ptr<Database>(new Database(std::move(impl)));
}

int Database::format() const { return impl_->format; }
const std::string& Database::path() const { return impl_->path; }

absl::StatusOr<std::string> Database::Get(absl::string_view family, absl::string_view key,
                                          const Snapshot* snapshot) const {
  RECSAE_ASSIGN_OR_RETURN(auto* handle, impl_->families.Find(family));
  rocksdb::ReadOptions read;
  if (snapshot != nullptr) read.snapshot = snapshot->impl_->snapshot;
  std::string value;
  const rocksdb::Status status = impl_->db->Get(read, handle, ToSlice(key), &value);
  if (!status.ok()) return FromRocksDb(status, absl::StrCat("read from ", impl_->path));
  return value;
}

absl::StatusOr<std::vector<std::optional<std::string>>> Database::MultiGet(
    absl::string_view family, absl::Span<const std::string> keys, const Snapshot* snapshot) const {
  RECSAE_ASSIGN_OR_RETURN(auto* handle, impl_->families.Find(family));
  rocksdb::ReadOptions read;
  if (snapshot != nullptr) read.snapshot = snapshot->impl_->snapshot;
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  impl_->db->MultiGet(read, handle, slices.size(), slices.data(), found.data(), statuses.data());
  std::vector<std::optional<std::string>> values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].ok()) {
      values[i].emplace(found[i].data(), found[i].size());
    } else if (!statuses[i].IsNotFound()) {
      return FromRocksDb(statuses[i], absl::StrCat("read from ", impl_->path));
    }
  }
  return values;
}

absl::Status Database::Put(absl::string_view family, absl::string_view key, absl::string_view value,
                           Durability durability) {
  WriteBatch batch = NewBatch();
  batch.Put(family, key, value);
  return Write(std::move(batch), durability);
}

absl::Status Database::Delete(absl::string_view family, absl::string_view key,
                              Durability durability) {
  WriteBatch batch = NewBatch();
  batch.Delete(family, key);
  return Write(std::move(batch), durability);
}

WriteBatch Database::NewBatch() const {
  return WriteBatch(std::make_unique<WriteBatch::Impl>(
      WriteBatch::Impl{&impl_->families, rocksdb::WriteBatch(), absl::OkStatus()}));
}

absl::Status Database::Write(WriteBatch batch, Durability durability) {
  RECSAE_RETURN_IF_ERROR(batch.impl_->error);
  rocksdb::WriteOptions write;
  write.sync = durability == Durability::kSynced;
  return FromRocksDb(impl_->db->Write(write, &batch.impl_->batch),
                     absl::StrCat("write to ", impl_->path));
}

absl::Status Database::Sync() {
  return FromRocksDb(impl_->db->FlushWAL(/*sync=*/true), absl::StrCat("sync ", impl_->path));
}

std::unique_ptr<Snapshot> Database::GetSnapshot() const {
  auto impl = std::unique_ptr<Snapshot::Impl>(
      new Snapshot::Impl{impl_->db.get(), impl_->db->GetSnapshot()});
  return std::unique_ptr<Snapshot>(new Snapshot(std::move(impl)));
}

std::unique_ptr<Scanner> Database::Scan(absl::string_view family, absl::string_view prefix,
                                        const ScanOptions& options) const {
  auto impl = std::make_unique<Scanner::Impl>();
  impl->reverse = options.reverse;
  impl->lower = std::string(prefix);
  impl->upper = PrefixEnd(prefix);
  if (!options.from.empty() && options.reverse) {
    impl->upper = impl->upper.empty() ? options.from : std::min(impl->upper, options.from);
  } else if (!options.from.empty()) {
    impl->lower = std::max(impl->lower, options.from);
  }
  impl->lower_slice = impl->lower;
  impl->upper_slice = impl->upper;

  rocksdb::ReadOptions read;
  if (options.snapshot != nullptr) read.snapshot = options.snapshot->impl_->snapshot;
  read.iterate_lower_bound = &impl->lower_slice;
  if (!impl->upper.empty()) read.iterate_upper_bound = &impl->upper_slice;
  if (options.bulk) {
    read.readahead_size = size_t{2} << 20;
    read.fill_cache = false;
  }
  auto handle = impl_->families.Find(family);
  if (handle.ok()) {
    impl->iterator.reset(impl_->db->NewIterator(read, *handle));
    if (options.reverse) {
      impl->iterator->SeekToLast();
    } else {
      impl->iterator->SeekToFirst();
    }
  } else {
    impl->error = handle.status();
  }
  return std::unique_ptr<Scanner>(new Scanner(std::move(impl)));
}

DatabaseStats Database::Stats() const {
  const auto property = [this](const std::string& name) {
    uint64_t value = 0;
    impl_->db->GetAggregatedIntProperty(name, &value);
    return value;
  };
  DatabaseStats stats;
  stats.live_bytes = property(rocksdb::DB::Properties::kLiveSstFilesSize);
  stats.write_buffer_bytes = property(rocksdb::DB::Properties::kCurSizeAllMemTables);
  stats.block_cache_bytes = impl_->cache->GetUsage();
  stats.pending_compaction_bytes =
      property(rocksdb::DB::Properties::kEstimatePendingCompactionBytes);
  stats.estimated_keys = property(rocksdb::DB::Properties::kEstimateNumKeys);
  return stats;
}

WriteBatch::WriteBatch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WriteBatch::WriteBatch(WriteBatch&&) noexcept = default;
WriteBatch& WriteBatch::operator=(WriteBatch&&) noexcept = default;
WriteBatch::~WriteBatch() = default;

void WriteBatch::Put(absl::string_view family, absl::string_view key, absl::string_view value) {
  const auto handle = impl_->families->Find(family);
  impl_->error.Update(
      handle.ok() ? FromRocksDb(impl_->batch.Put(*handle, ToSlice(key), ToSlice(value)), "put")
                  : handle.status());
}

void WriteBatch::Delete(absl::string_view family, absl::string_view key) {
  const auto handle = impl_->families->Find(family);
  impl_->error.Update(handle.ok()
                          ? FromRocksDb(impl_->batch.Delete(*handle, ToSlice(key)), "delete")
                          : handle.status());
}

void WriteBatch::DeletePrefix(absl::string_view family, absl::string_view prefix) {
  const auto handle = impl_->families->Find(family);
  const std::string end = PrefixEnd(prefix);
  if (handle.ok() && end.empty()) {
    impl_->error.Update(Error(absl::StatusCode::kInternal, "STORE_ERROR",
                              "a prefix to delete must not be empty or all 0xFF"));
    return;
  }
  impl_->error.Update(
      handle.ok() ? FromRocksDb(impl_->batch.DeleteRange(*handle, ToSlice(prefix), end), "delete")
                  : handle.status());
}

size_t WriteBatch::size() const { return impl_->batch.GetDataSize(); }

Snapshot::Snapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Snapshot::~Snapshot() = default;

Scanner::Scanner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Scanner::~Scanner() = default;

bool Scanner::Valid() const { return impl_->iterator != nullptr && impl_->iterator->Valid(); }

void Scanner::Next() {
  if (impl_->reverse) {
    impl_->iterator->Prev();
  } else {
    impl_->iterator->Next();
  }
}

absl::string_view Scanner::key() const { return FromSlice(impl_->iterator->key()); }
absl::string_view Scanner::value() const { return FromSlice(impl_->iterator->value()); }

absl::Status Scanner::status() const {
  RECSAE_RETURN_IF_ERROR(impl_->error);
  return FromRocksDb(impl_->iterator->status(), "scan");
}

}  // namespace recsae
