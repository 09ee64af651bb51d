#include "services/explainer/language/paid_store.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status.h"

namespace recsae::explainer {
namespace {

constexpr char kAnswers[] = "answers";  // key -> value
constexpr char kOrder[] = "order";      // number in 16 hexadecimal digits -> "bytes key"

std::string OrderKey(uint64_t number) { return absl::StrFormat("%016x", number); }

// The bytes and the key of an entry of kOrder.
bool ParseOrder(absl::string_view value, int64_t* bytes, std::string* key) {
  const size_t space = value.find(' ');
  if (space == absl::string_view::npos || !absl::SimpleAtoi(value.substr(0, space), bytes)) {
    return false;
  }
  *key = std::string(value.substr(space + 1));
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PaidStore>> PaidStore::Open(const std::string& path,
                                                           const std::string& service,
                                                           int64_t max_bytes,
                                                           const Environment& environment) {
  DatabaseOptions options;
  options.service = service;
  options.families = {{kAnswers}, {kOrder}};
  options.block_cache_bytes = size_t{4} << 20;
  options.write_buffer_bytes = size_t{4} << 20;
  options.environment = environment;
  options.environment.group = nullptr;
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(path, options));
  std::unique_ptr<PaidStore> store(new PaidStore(std::move(database), max_bytes));
  RECSAE_RETURN_IF_ERROR(store->CountWhatIsThere());
  return store;
}

absl::Status PaidStore::CountWhatIsThere() {
  const absl::MutexLock lock(&mutex_);
  const std::unique_ptr<Scanner> scan = database_->Scan(kOrder, "");
  for (; scan->Valid(); scan->Next()) {
    int64_t bytes = 0;
    std::string key;
    if (ParseOrder(scan->value(), &bytes, &key)) bytes_ += bytes;
    uint64_t number = 0;
    if (absl::SimpleHexAtoi(scan->key(), &number)) next_ = number + 1;
  }
  return scan->status();
}

absl::StatusOr<std::optional<std::string>> PaidStore::Find(absl::string_view key) const {
  absl::StatusOr<std::string> value = database_->Get(kAnswers, key);
  if (absl::IsNotFound(value.status())) return std::nullopt;
  RECSAE_RETURN_IF_ERROR(value.status());
  return *std::move(value);
}

absl::Status PaidStore::Add(std::span<const std::pair<std::string, std::string>> entries) {
  const absl::MutexLock lock(&mutex_);
  WriteBatch batch = database_->NewBatch();
  bool any = false;
  for (const auto& [key, value] : entries) {
    const absl::Status present = database_->Get(kAnswers, key).status();
    if (present.ok()) continue;
    if (!absl::IsNotFound(present)) return present;
    const auto size = static_cast<int64_t>(value.size() + 2 * key.size());
    bytes_ += size;
    batch.Put(kAnswers, key, value);
    batch.Put(kOrder, OrderKey(next_++), absl::StrCat(size, " ", key));
    any = true;
  }
  if (!any) return absl::OkStatus();
  RECSAE_RETURN_IF_ERROR(DropOldest(batch));
  return database_->Write(std::move(batch));
}

absl::Status PaidStore::DropOldest(WriteBatch& batch) {
  if (bytes_ <= max_bytes_) return absl::OkStatus();
  const std::unique_ptr<Scanner> scan = database_->Scan(kOrder, "");
  for (; bytes_ > max_bytes_ && scan->Valid(); scan->Next()) {
    int64_t bytes = 0;
    std::string key;
    if (ParseOrder(scan->value(), &bytes, &key)) {
      batch.Delete(kAnswers, key);
      bytes_ -= bytes;
    }
    batch.Delete(kOrder, scan->key());
  }
  return scan->status();
}

int64_t PaidStore::bytes() const {
  const absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace recsae::explainer
