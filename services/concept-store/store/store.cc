#include "services/concept-store/store/store.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message_lite.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/budget/limits.h"
#include "common/storage/keys.h"
#include "common/storage/mutation.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/layout.h"
#include "services/concept-store/store/mutation.h"
#include "services/concept-store/store/stored.h"

namespace recsae::concept_store {

std::string DeterministicBytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

Store::Store(std::unique_ptr<Database> database, const StoreOptions& options)
    : database_(std::move(database)),
      kept_changes_(options.kept_changes),
      now_(options.now),
      requests_(*database_),
      index_(options.texts) {}

Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path,
                                                   const StoreOptions& options) {
  DatabaseOptions database_options;
  database_options.service = "concept-store";
  database_options.format = kStoreFormat;
  database_options.families = {{kSaeFamily},        {kWeightFamily, /*incompressible=*/true},
                               {kBaselineFamily},   {kConceptFamily},
                               {kChangeFamily},     {kHistoryFamily},
                               {kControlFamily},    {kControlUserFamily},
                               {kControlEndFamily}, {kEmbeddingFamily, /*incompressible=*/true}};
  database_options.environment = options.environment;
  RECSAE_ASSIGN_OR_RETURN(auto database, Database::Open(path, database_options));
  std::unique_ptr<Store> store(new Store(std::move(database), options));
  RECSAE_RETURN_IF_ERROR(store->LoadSaes());
  RECSAE_RETURN_IF_ERROR(store->LoadConcepts());
  RECSAE_RETURN_IF_ERROR(store->LoadLog());
  return store;
}

absl::Status Store::LoadSaes() {
  std::vector<uint64_t> uploads;
  auto scan = database_->Scan(kSaeFamily, "");
  for (; scan->Valid(); scan->Next()) {
    v1::Sae sae;
    RECSAE_ASSIGN_OR_RETURN(const uint64_t upload, StoredNumber(scan->value()));
    uploads.push_back(upload);
    RECSAE_RETURN_IF_ERROR(ParseStored(scan->value().substr(8), scan->key(), &sae));
    IndexEditor(index_).AddSae(std::string(scan->key()), sae.latent_count());
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  std::sort(uploads.begin(), uploads.end());
  if (!uploads.empty()) next_upload_ = uploads.back() + 1;
  return RemoveLeftovers(uploads);
}

absl::Status Store::RemoveLeftovers(const std::vector<uint64_t>& uploads) {
  uint64_t upload = 0;
  while (true) {
    auto scan = ScanWeights("", UploadPrefix(upload));
    RECSAE_RETURN_IF_ERROR(scan->status());
    if (!scan->Valid()) return absl::OkStatus();
    RECSAE_ASSIGN_OR_RETURN(upload, StoredNumber(scan->key()));
    if (!std::binary_search(uploads.begin(), uploads.end(), upload)) {
      RECSAE_RETURN_IF_ERROR(DropUpload(upload));
    }
    ++upload;
  }
}

absl::Status Store::LoadLog() {
  const auto last = database_->Scan(kChangeFamily, "", {.reverse = true});
  if (last->Valid()) {
    RECSAE_ASSIGN_OR_RETURN(const uint64_t revision, StoredNumber(last->key()));
    revision_ = static_cast<int64_t>(revision);
  }
  RECSAE_RETURN_IF_ERROR(last->status());
  const auto first = database_->Scan(kChangeFamily, "");
  if (first->Valid()) {
    RECSAE_ASSIGN_OR_RETURN(const uint64_t revision, StoredNumber(first->key()));
    floor_ = static_cast<int64_t>(revision) - 1;
  }
  RECSAE_RETURN_IF_ERROR(first->status());
  RECSAE_ASSIGN_OR_RETURN(epochs_, Epochs::Begin(*database_, revision()));
  return absl::OkStatus();
}

absl::Status Store::LoadConcepts() {
  auto scan = database_->Scan(kConceptFamily, "", {.bulk = true});
  for (; scan->Valid(); scan->Next()) {
    const absl::string_view key = scan->key();
    v1::Concept latent_concept;
    RECSAE_RETURN_IF_ERROR(ParseStored(scan->value(), key, &latent_concept));
    IndexEditor(index_).Put(std::string(key.substr(0, key.find('\0'))), Summarize(latent_concept));
  }
  return scan->status();
}

absl::Status Store::Mutate(absl::string_view method, const std::string& request_id,
                           const std::string& content, google::protobuf::MessageLite* response,
                           Body body) {
  const auto change = [&](Transaction& transaction) -> absl::Status {
    {
      const std::lock_guard<std::mutex> lock(write_mutex_);
      Mutation mutation(transaction.batch(), revision(), now_());
      // Before the body, which may remove an SAE with the history that this adds to.
      RECSAE_ASSIGN_OR_RETURN(const int64_t floor, Compact(mutation.batch()));
      RECSAE_RETURN_IF_ERROR(body(mutation));
      if (static_cast<int64_t>(response->ByteSizeLong()) > kMaxContentBytes) {
        return Error(
            absl::StatusCode::kResourceExhausted, "RESPONSE_TOO_LARGE",
            absl::StrCat("the answer to this ", method, " would be ", response->ByteSizeLong(),
                         " bytes, above the limit of ", kMaxContentBytes, "; send less at a time"));
      }
      RECSAE_RETURN_IF_ERROR(transaction.Commit(response->SerializeAsString()));
      {
        IndexEditor index(index_);
        mutation.ApplyTo(index);
      }
      floor_.store(floor, std::memory_order_release);
      revision_.store(mutation.revision(), std::memory_order_release);
    }
    on_write_();
    return absl::OkStatus();
  };
  return recsae::Mutate(requests_, {method, request_id, content}, response, change);
}

}  // namespace recsae::concept_store
