#include "common/storage/database.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/caller.h"
#include "common/base/status.h"
#include "common/storage/database_impl.h"
#include "common/storage/keys.h"
#include "common/storage/rocksdb_status.h"
#include "common/storage/store_group.h"

namespace recsae {
namespace {

// Up to so many keys of a prefix are deleted one by one. A range costs later reads, and where a
// compaction is left with nothing but ranges and then cannot write its file, an assertion ends the
// process in RocksDB as distributions build it.
constexpr size_t kSingleDeletions = 256;

// RocksDB makes a write wait while it writes tables, but refuses it as incomplete once a compaction
// has found no room.
constexpr absl::Duration kStallPatience = absl::Seconds(5);
constexpr absl::Duration kStallCheck = absl::Milliseconds(20);

absl::string_view FromSlice(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// Keys that a batch puts into a family, of those with a prefix.
class PutKeys : public rocksdb::WriteBatch::Handler {
 public:
  PutKeys(uint32_t family, absl::string_view prefix) : family_(family), prefix_(prefix) {}

  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& /*value*/) override {
    if (family == family_ && key.starts_with(ToSlice(prefix_))) keys.push_back(key.ToString());
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(uint32_t /*family*/, const rocksdb::Slice& /*key*/) override {
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteRangeCF(uint32_t /*family*/, const rocksdb::Slice& /*begin*/,
                                const rocksdb::Slice& /*end*/) override {
    return rocksdb::Status::OK();
  }

  std::vector<std::string> keys;

 private:
  const uint32_t family_;
  const absl::string_view prefix_;
};

}  // namespace

struct WriteBatch::Impl {
  const Database* database;
  std::shared_ptr<Engine> engine;  // null if `error`
  rocksdb::WriteBatch batch;
  absl::Status error;  // the first one; Write returns it
  bool from_reserve = false;
  std::vector<DeletedRange> deleted;

  absl::StatusOr<rocksdb::ColumnFamilyHandle*> Find(absl::string_view family) const {
    RECSAE_RETURN_IF_ERROR(error);
    return engine->families.Find(family);
  }
};

struct Scanner::Impl {
  std::shared_ptr<Engine> engine;
  std::string lower;
  std::string upper;
  rocksdb::Slice lower_slice;
  rocksdb::Slice upper_slice;
  bool reverse = false;
  absl::Status error;
  std::unique_ptr<rocksdb::Iterator> iterator;
};

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) { AddToStats(this); }
Database::~Database() {
  RemoveFromStats(this);
  if (impl_->options.environment.group != nullptr) impl_->options.environment.group->Leave(this);
}

const std::string& Database::service() const { return impl_->marker.service; }
int Database::format() const { return impl_->marker.format; }
const std::string& Database::path() const { return impl_->path; }
const std::string& Database::store_id() const { return impl_->marker.store_id; }

absl::StatusOr<std::string> Database::Get(absl::string_view family, absl::string_view key) const {
  RECSAE_ASSIGN_OR_RETURN(const auto engine, impl_->Use());
  RECSAE_ASSIGN_OR_RETURN(auto* handle, engine->families.Find(family));
  std::string value;
  const rocksdb::Status status =
      engine->db->Get(rocksdb::ReadOptions(), handle, ToSlice(key), &value);
  if (!status.ok()) return FromRocksDb(status, absl::StrCat("read from ", impl_->path));
  return value;
}

absl::StatusOr<std::vector<std::optional<std::string>>> Database::MultiGet(
    absl::string_view family, absl::Span<const std::string> keys) const {
  RECSAE_ASSIGN_OR_RETURN(const auto engine, impl_->Use());
  RECSAE_ASSIGN_OR_RETURN(auto* handle, engine->families.Find(family));
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  engine->db->MultiGet(rocksdb::ReadOptions(), handle, slices.size(), slices.data(), found.data(),
                       statuses.data());
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
  batch.UseReserve();
  batch.Delete(family, key);
  return Write(std::move(batch), durability);
}

WriteBatch Database::NewBatch() const {
  auto batch = std::make_unique<WriteBatch::Impl>();
  batch->database = this;
  auto engine = impl_->UseForWriting();
  if (engine.ok()) {
    batch->engine = *std::move(engine);
  } else {
    batch->error = engine.status();
  }
  return WriteBatch(std::move(batch));
}

absl::Status Database::Write(WriteBatch batch, Durability durability) {
  RECSAE_RETURN_IF_ERROR(batch.impl_->error);
  WriteBatch::Impl& writes = *batch.impl_;
  RECSAE_RETURN_IF_ERROR(impl_->CheckRoom(*writes.engine, batch.size(), writes.from_reserve));
  rocksdb::WriteOptions write;
  write.sync = durability == Durability::kSynced && impl_->options.environment.sync;
  rocksdb::Status status;
  const absl::Time patience = absl::Now() + kStallPatience;
  while (true) {
    std::optional<absl::ReaderMutexLock> outside_backups;
    if (StoreGroup* const group = impl_->options.environment.group; group != nullptr) {
      outside_backups.emplace(&group->gate());
    }
    status = writes.engine->db->Write(write, &writes.batch);
    if (!status.IsIncomplete() || absl::Now() > patience || !CheckCaller().ok()) break;
    outside_backups.reset();
    absl::SleepFor(kStallCheck);
  }
  RECSAE_RETURN_IF_ERROR(impl_->Written(*writes.engine, status, writes.batch));
  if (!writes.deleted.empty()) impl_->Reclaim(std::move(writes.deleted));
  return absl::OkStatus();
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
  read.iterate_lower_bound = &impl->lower_slice;
  if (!impl->upper.empty()) read.iterate_upper_bound = &impl->upper_slice;
  if (options.bulk) {
    read.readahead_size = size_t{2} << 20;
    read.fill_cache = false;
  }
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> handle = nullptr;
  if (auto engine = impl_->Use(); engine.ok()) {
    impl->engine = *std::move(engine);
    handle = impl->engine->families.Find(family);
  } else {
    handle = engine.status();
  }
  if (handle.ok()) {
    impl->iterator.reset(impl->engine->db->NewIterator(read, *handle));
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

WriteBatch::WriteBatch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WriteBatch::WriteBatch(WriteBatch&&) noexcept = default;
WriteBatch& WriteBatch::operator=(WriteBatch&&) noexcept = default;
WriteBatch::~WriteBatch() = default;

void WriteBatch::Put(absl::string_view family, absl::string_view key, absl::string_view value) {
  const auto handle = impl_->Find(family);
  impl_->error.Update(
      handle.ok() ? FromRocksDb(impl_->batch.Put(*handle, ToSlice(key), ToSlice(value)), "put")
                  : handle.status());
}

void WriteBatch::Delete(absl::string_view family, absl::string_view key) {
  const auto handle = impl_->Find(family);
  impl_->error.Update(handle.ok()
                          ? FromRocksDb(impl_->batch.Delete(*handle, ToSlice(key)), "delete")
                          : handle.status());
}

void WriteBatch::DeletePrefix(absl::string_view family, absl::string_view prefix) {
  const std::string end = PrefixEnd(prefix);
  if (end.empty()) {
    impl_->error.Update(Error(absl::StatusCode::kInternal, "STORE_ERROR",
                              "a prefix to delete must not be empty or all 0xFF"));
    return;
  }
  const auto handle = impl_->Find(family);
  impl_->error.Update(handle.status());
  if (!handle.ok()) return;
  impl_->deleted.push_back({std::string(family), std::string(prefix)});
  PutKeys doomed((*handle)->GetID(), prefix);
  impl_->error.Update(FromRocksDb(impl_->batch.Iterate(&doomed), "delete"));
  auto scan = impl_->database->Scan(family, prefix);
  for (; scan->Valid() && doomed.keys.size() <= kSingleDeletions; scan->Next()) {
    doomed.keys.emplace_back(scan->key());
  }
  impl_->error.Update(scan->status());
  if (doomed.keys.size() > kSingleDeletions) {
    impl_->error.Update(
        FromRocksDb(impl_->batch.DeleteRange(*handle, ToSlice(prefix), end), "delete"));
    return;
  }
  for (const std::string& key : doomed.keys) Delete(family, key);
}

void WriteBatch::UseReserve() { impl_->from_reserve = true; }

size_t WriteBatch::size() const { return impl_->batch.GetDataSize(); }

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
