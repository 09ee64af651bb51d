// A kind of resource (catalogues, recommenders, captures) as records in one key space.
#ifndef RECSAE_SERVICES_PROBE_STORE_RESOURCE_TABLE_H_
#define RECSAE_SERVICES_PROBE_STORE_RESOURCE_TABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "common/budget/paging.h"
#include "common/storage/database.h"

namespace recsae::probe {

// What the store knows of a resource beside the message that callers see.
struct RecordHeader {
  uint64_t uid = 0;
  // Recommenders: uid of the prediction head; 0 = none.
  uint64_t head_uid = 0;
  // "jobs/{job}" that made it; empty if a caller did.
  std::string origin;
};

// A resource: the contract's message and its header.
template <typename Message>
struct Stored : RecordHeader {
  Message message;
};

std::string EncodeRecord(const RecordHeader& header, absl::string_view message);
// Fills `header` and returns the message's bytes. DATA_LOSS (RECORD_CORRUPT).
absl::StatusOr<std::string> DecodeRecord(absl::string_view bytes, RecordHeader* header);

// Thread-safe; callers hold Store::mutex() where several calls must agree.
template <typename Message>
class ResourceTable {
 public:
  // `kind` in lower case as people say it ("capture"); `not_found` is the reason of its absence.
  ResourceTable(Database& db, const char* family, const char* kind, const char* not_found)
      : db_(db), family_(family), kind_(kind), not_found_(not_found) {}

  // NOT_FOUND with the table's reason, naming `name`.
  absl::StatusOr<Stored<Message>> Get(const std::string& key, absl::string_view name) const {
    absl::StatusOr<std::string> bytes = db_.Get(family_, key);
    if (absl::IsNotFound(bytes.status())) return NotFound(name);
    if (!bytes.ok()) return bytes.status();
    return Decode(*bytes);
  }

  absl::StatusOr<bool> Has(const std::string& key) const {
    absl::Status status = db_.Get(family_, key).status();
    if (absl::IsNotFound(status)) return false;
    if (!status.ok()) return status;
    return true;
  }

  void Put(const std::string& key, const Stored<Message>& record, WriteBatch& batch) const {
    batch.Put(family_, key, EncodeRecord(record, record.message.SerializeAsString()));
  }
  void Delete(const std::string& key, WriteBatch& batch) const { batch.Delete(family_, key); }

  // All under `prefix`, in the order of their ids.
  absl::StatusOr<std::vector<Stored<Message>>> All(const std::string& prefix) const {
    return Read(prefix, nullptr, nullptr);
  }

  // One page of them, in entries and bytes; `*next` is the position of the next page, empty on the
  // last.
  absl::StatusOr<std::vector<Stored<Message>>> List(const std::string& prefix, const Page& page,
                                                    std::string* next) const {
    return Read(prefix, &page, next);
  }

  absl::Status NotFound(absl::string_view name) const {
    return Error(absl::StatusCode::kNotFound, not_found_,
                 std::string("there is no ") + kind_ + " \"" + std::string(name) + "\"",
                 {{kind_, std::string(name)}});
  }

 private:
  absl::StatusOr<Stored<Message>> Decode(absl::string_view bytes) const {
    Stored<Message> record;
    RECSAE_ASSIGN_OR_RETURN(const std::string message, DecodeRecord(bytes, &record));
    if (!record.message.ParseFromString(message)) {
      return Error(absl::StatusCode::kDataLoss, "RECORD_CORRUPT",
                   std::string("the stored record of a ") + kind_ + " cannot be read");
    }
    return record;
  }

  absl::StatusOr<std::vector<Stored<Message>>> Read(const std::string& prefix, const Page* page,
                                                    std::string* next) const {
    std::vector<Stored<Message>> records;
    ScanOptions options;
    if (page != nullptr && !page->position.empty()) {
      options.from = page->position + '\0';  // the smallest key behind it
    }
    PageBytes room(page == nullptr ? 0 : page->size);
    std::string last;
    auto scan = db_.Scan(family_, prefix, options);
    for (; scan->Valid(); scan->Next()) {
      if (page != nullptr && !room.Takes(scan->value().size())) {
        *next = last;
        return records;
      }
      last = std::string(scan->key());
      RECSAE_ASSIGN_OR_RETURN(Stored<Message> record, Decode(scan->value()));
      records.push_back(std::move(record));
    }
    RECSAE_RETURN_IF_ERROR(scan->status());
    return records;
  }

  Database& db_;
  const char* family_;
  const char* kind_;
  const char* not_found_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_STORE_RESOURCE_TABLE_H_
