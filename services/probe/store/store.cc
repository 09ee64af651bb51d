#include "services/probe/store/store.h"

#include <google/protobuf/message_lite.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/storage/keys.h"
#include "common/storage/mutation.h"

namespace recsae::probe {
namespace {

// Default family: one key for each staged write, and the number of times the store was opened.
constexpr char kStagingPrefix[] = "staging/";
constexpr char kGenerationKey[] = "generation";

constexpr const char* kContentFamilies[] = {kItemFamily,     kItemIdFamily, kHeadFamily,
                                            kModelFamily,    kCaseFamily,   kUserFamily,
                                            kProducerFamily, kBatchFamily,  kActivationFamily};

std::string StagingKey(uint64_t uid) { return absl::StrCat(kStagingPrefix, BigEndian64(uid)); }

}  // namespace

Store::Store(std::unique_ptr<Database> db) : db_(std::move(db)), requests_(*db_) {}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& directory,
                                                   const Environment& environment) {
  DatabaseOptions options;
  options.service = "probe";
  options.environment = environment;
  for (const char* family :
       {kCatalogFamily, kRecommenderFamily, kCaptureFamily, kItemFamily, kItemIdFamily, kCaseFamily,
        kUserFamily, kProducerFamily, kBatchFamily}) {
    options.families.push_back({family, false});
  }
  for (const char* family : {kHeadFamily, kModelFamily, kActivationFamily}) {
    options.families.push_back({family, true});
  }
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Database> db, Database::Open(directory, options));
  std::unique_ptr<Store> store(new Store(std::move(db)));
  RECSAE_RETURN_IF_ERROR(store->Prepare());
  return store;
}

absl::Status Store::Prepare() {
  uint64_t generation = 1;
  absl::StatusOr<std::string> last = db_->Get(kDefaultFamily, kGenerationKey);
  if (last.ok()) {
    RECSAE_ASSIGN_OR_RETURN(generation, StoredNumber(*last));
    ++generation;
  } else if (!absl::IsNotFound(last.status())) {
    return last.status();
  }
  next_uid_ = generation << 32;

  WriteBatch batch = db_->NewBatch();
  batch.UseReserve();
  batch.Put(kDefaultFamily, kGenerationKey, BigEndian64(generation));
  auto scan = db_->Scan(kDefaultFamily, kStagingPrefix);
  for (; scan->Valid(); scan->Next()) {
    RECSAE_ASSIGN_OR_RETURN(const uint64_t uid,
                            StoredNumber(scan->key(), sizeof(kStagingPrefix) - 1));
    DeleteContents(uid, batch);
    batch.Delete(kDefaultFamily, scan->key());
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  return db_->Write(std::move(batch));
}

absl::Status Store::Mutate(absl::string_view method, const std::string& request_id,
                           const google::protobuf::MessageLite& request,
                           google::protobuf::MessageLite* response,
                           absl::FunctionRef<absl::Status(WriteBatch&)> change) {
  const std::string content = request.SerializeAsString();
  return recsae::Mutate(requests_, {method, request_id, content}, response,
                        [&](Transaction& transaction) -> absl::Status {
                          absl::MutexLock lock(&mutex_);
                          touched_.clear();
                          RECSAE_RETURN_IF_ERROR(change(transaction.batch()));
                          const std::vector<std::string> touched = std::exchange(touched_, {});
                          RECSAE_RETURN_IF_ERROR(transaction.Commit(response->SerializeAsString()));
                          changes_.Add(touched);
                          return absl::OkStatus();
                        });
}

absl::Status Store::Commit(WriteBatch batch) {
  const std::vector<std::string> touched = std::exchange(touched_, {});
  RECSAE_RETURN_IF_ERROR(db_->Write(std::move(batch)));
  changes_.Add(touched);
  return absl::OkStatus();
}

void Store::DeleteContents(uint64_t uid, WriteBatch& batch) {
  for (const char* family : kContentFamilies) batch.DeletePrefix(family, BigEndian64(uid));
}

absl::StatusOr<std::unique_ptr<Staging>> Staging::Begin(Store& store) {
  std::unique_ptr<Staging> staging(new Staging(store, store.NewUid()));
  // Unsynced: it is on disk whenever anything written after it is.
  RECSAE_RETURN_IF_ERROR(
      store.db().Put(kDefaultFamily, StagingKey(staging->uid()), "", Durability::kUnsynced));
  return staging;
}

Staging::~Staging() {
  if (done_) return;
  WriteBatch batch = store_.db().NewBatch();
  batch.UseReserve();
  Store::DeleteContents(uid_, batch);
  Keep(batch);
  // If this fails the mark stays, and the next Open deletes the contents.
  store_.db().Write(std::move(batch), Durability::kUnsynced).IgnoreError();
}

void Staging::Keep(WriteBatch& batch) const { batch.Delete(kDefaultFamily, StagingKey(uid_)); }

absl::StatusOr<int64_t> CountNumbered(const Database& db, absl::string_view family, uint64_t uid) {
  const std::string prefix = BigEndian64(uid);
  ScanOptions options;
  options.reverse = true;
  auto scan = db.Scan(family, prefix, options);
  RECSAE_RETURN_IF_ERROR(scan->status());
  if (!scan->Valid()) return 0;
  return int64_t{ReadBigEndian32(scan->key().substr(prefix.size()))} + 1;
}

}  // namespace recsae::probe
