#include "common/storage/database.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/storage/database_impl.h"
#include "common/storage/keys.h"
#include "common/storage/rocksdb_status.h"

namespace recsae {
namespace {

// Up to so many keys of a prefix are deleted one by one. A range costs later reads, and where a
// compaction is left with nothing but ranges and then cannot write its file, an assertion ends the
// process in RocksDB as distributions build it.
constexpr size_t kSingleDeletions = 256;

rocksdb::Slice ToSlice(absl::string_view text) { return {text.data(), text.size()}; }
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
  const Families* families;
  rocksdb::WriteBatch batch;
  absl::Status error;  // the first one; Write returns it
  bool deletes = false;
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

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) { AddToStats(this); }
Database::~Database() { RemoveFromStats(this); }

int Database::format() const { return impl_->marker.format; }
const std::string& Database::path() const { return impl_->path; }
const std::string& Database::store_id() const { return impl_->marker.store_id; }

absl::StatusOr<std::string> Database::Get(absl::string_view family, absl::string_view key) const {
  RECSAE_ASSIGN_OR_RETURN(auto* handle, impl_->families.Find(family));
  std::string value;
  const rocksdb::Status status =
      impl_->db->Get(rocksdb::ReadOptions(), handle, ToSlice(key), &value);
  if (!status.ok()) return FromRocksDb(status, absl::StrCat("read from ", impl_->path));
  return value;
}

absl::StatusOr<std::vector<std::optional<std::string>>> Database::MultiGet(
    absl::string_view family, absl::Span<const std::string> keys) const {
  RECSAE_ASSIGN_OR_RETURN(auto* handle, impl_->families.Find(family));
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  impl_->db->MultiGet(rocksdb::ReadOptions(), handle, slices.size(), slices.data(), found.data(),
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
  batch.Delete(family, key);
  return Write(std::move(batch), durability);
}

WriteBatch Database::NewBatch() const {
  return WriteBatch(std::make_unique<WriteBatch::Impl>(
      WriteBatch::Impl{this, &impl_->families, rocksdb::WriteBatch(), absl::OkStatus(), false}));
}

absl::Status Database::Write(WriteBatch batch, Durability durability) {
  RECSAE_RETURN_IF_ERROR(batch.impl_->error);
  RECSAE_RETURN_IF_ERROR(impl_->CheckRoom(batch.size(), batch.impl_->deletes));
  rocksdb::WriteOptions write;
  write.sync = durability == Durability::kSynced && impl_->sync;
  return impl_->Written(impl_->db->Write(write, &batch.impl_->batch));
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
  // Old records of requests leave with whatever write comes by.
  if (family != kRequestFamily) impl_->deletes = true;
  const auto handle = impl_->families->Find(family);
  impl_->error.Update(handle.ok()
                          ? FromRocksDb(impl_->batch.Delete(*handle, ToSlice(key)), "delete")
                          : handle.status());
}

void WriteBatch::DeletePrefix(absl::string_view family, absl::string_view prefix) {
  impl_->deletes = true;
  const std::string end = PrefixEnd(prefix);
  if (end.empty()) {
    impl_->error.Update(Error(absl::StatusCode::kInternal, "STORE_ERROR",
                              "a prefix to delete must not be empty or all 0xFF"));
    return;
  }
  const auto handle = impl_->families->Find(family);
  impl_->error.Update(handle.status());
  if (!handle.ok()) return;
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
