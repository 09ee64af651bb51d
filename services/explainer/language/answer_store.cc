#include "services/explainer/language/answer_store.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status.h"

namespace recsae::explainer {
namespace {

using Json = nlohmann::json;

constexpr char kAnswers[] = "answers";  // key -> JSON of the answer
constexpr char kOrder[] = "order";      // number in 16 hexadecimal digits -> "bytes key"

std::string OrderKey(uint64_t number) { return absl::StrFormat("%016x", number); }

std::string Encoded(const StoredAnswer& answer) {
  return Json({{"text", answer.text},
               {"tokens", answer.tokens},
               {"time", answer.unix_seconds},
               {"job", answer.job}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<StoredAnswer> Decoded(const std::string& bytes) {
  const Json json = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                 "an answer of the language model cannot be read; remove the explainer's folder "
                 "'answers' to ask again");
  }
  return StoredAnswer{json.value("text", ""), json.value("tokens", int64_t{0}),
                      json.value("time", int64_t{0}), json.value("job", "")};
}

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

absl::StatusOr<std::unique_ptr<AnswerStore>> AnswerStore::Open(const std::string& path,
                                                               int64_t max_bytes,
                                                               const Environment& environment) {
  DatabaseOptions options;
  options.service = "explainer-answers";
  options.families = {{kAnswers}, {kOrder}};
  options.block_cache_bytes = size_t{4} << 20;
  options.write_buffer_bytes = size_t{4} << 20;
  options.environment = environment;
  // Backups leave it out: what is in it can be had again.
  options.environment.group = nullptr;
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(path, options));
  std::unique_ptr<AnswerStore> store(new AnswerStore(std::move(database), max_bytes));
  RECSAE_RETURN_IF_ERROR(store->CountWhatIsThere());
  return store;
}

absl::Status AnswerStore::CountWhatIsThere() {
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

absl::StatusOr<std::optional<StoredAnswer>> AnswerStore::Find(absl::string_view key) const {
  const absl::StatusOr<std::string> bytes = database_->Get(kAnswers, key);
  if (absl::IsNotFound(bytes.status())) return std::nullopt;
  RECSAE_RETURN_IF_ERROR(bytes.status());
  RECSAE_ASSIGN_OR_RETURN(StoredAnswer answer, Decoded(*bytes));
  return answer;
}

absl::Status AnswerStore::Add(absl::string_view key, const StoredAnswer& answer) {
  const std::string value = Encoded(answer);
  const absl::MutexLock lock(&mutex_);
  const absl::Status present = database_->Get(kAnswers, key).status();
  if (!absl::IsNotFound(present)) return present;
  WriteBatch batch = database_->NewBatch();
  const auto size = static_cast<int64_t>(value.size() + 2 * key.size());
  bytes_ += size;
  RECSAE_RETURN_IF_ERROR(DropOldest(batch));
  batch.Put(kAnswers, key, value);
  batch.Put(kOrder, OrderKey(next_++), absl::StrCat(size, " ", key));
  return database_->Write(std::move(batch));
}

absl::Status AnswerStore::DropOldest(WriteBatch& batch) {
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

int64_t AnswerStore::bytes() const {
  const absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace recsae::explainer
