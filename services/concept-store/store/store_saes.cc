// The SAEs of the store.
#include <google/protobuf/empty.pb.h>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/paging.h"
#include "common/storage/keys.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/layout.h"
#include "services/concept-store/store/mutation.h"
#include "services/concept-store/store/sae_record.h"
#include "services/concept-store/store/store.h"
#include "services/concept-store/store/stored.h"
#include "services/concept-store/store/validation.h"

namespace recsae::concept_store {
namespace {

absl::Status SaeExists(absl::string_view sae_id) {
  return Error(absl::StatusCode::kAlreadyExists, "SAE_EXISTS",
               absl::StrCat("there is already an SAE \"", SaeName(sae_id),
                            "\"; an SAE never changes: publish under another sae_id"),
               {{"sae", SaeName(sae_id)}});
}

}  // namespace

absl::StatusOr<Store::SaeRecord> Store::ReadSae(const std::string& sae_id) const {
  const auto value = database_->Get(kSaeFamily, sae_id);
  if (absl::IsNotFound(value.status())) return SaeNotFound(sae_id);
  RECSAE_RETURN_IF_ERROR(value.status());
  SaeRecord record;
  RECSAE_ASSIGN_OR_RETURN(record.upload, StoredNumber(*value));
  RECSAE_RETURN_IF_ERROR(
      ParseStored(absl::string_view(*value).substr(8), SaeName(sae_id), &record.sae));
  return record;
}

absl::StatusOr<int32_t> Store::FindSae(const std::string& sae_id) const {
  const std::optional<int32_t> latents = index_.Latents(sae_id);
  if (!latents.has_value()) return SaeNotFound(sae_id);
  return *latents;
}

absl::StatusOr<std::unique_ptr<SaeUpload>> Store::BeginPublish(
    const v1::PublishSaeRequest_Header& header) {
  BadRequest bad;
  bad.Add("header.sae_id", ValidateId(header.sae_id(), "sae_id"));
  CheckSae(header.sae(), "header.sae", &bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  // With a request_id it may be a repeat of the call that published it.
  if (header.request_id().empty() && index_.Latents(header.sae_id()).has_value()) {
    return SaeExists(header.sae_id());
  }
  return std::unique_ptr<SaeUpload>(new SaeUpload(*this, header, next_upload_++));
}

absl::Status Store::StageWeights(const std::string& key, absl::string_view values) {
  // Made durable by the write that publishes.
  return database_->Put(kWeightFamily, key, values, Durability::kUnsynced);
}

absl::Status Store::DropUpload(uint64_t upload) {
  WriteBatch batch = database_->NewBatch();
  batch.UseReserve();
  batch.DeletePrefix(kWeightFamily, UploadPrefix(upload));
  return database_->Write(std::move(batch), Durability::kUnsynced);
}

std::unique_ptr<Scanner> Store::ScanWeights(const std::string& prefix,
                                            const std::string& from) const {
  ScanOptions options;
  options.from = from;
  options.bulk = true;
  return database_->Scan(kWeightFamily, prefix, options);
}

absl::Status Store::AddSae(const std::string& sae_id, uint64_t upload, const v1::Sae& sae,
                           Mutation& mutation) const {
  if (index_.Latents(sae_id).has_value()) return SaeExists(sae_id);
  mutation.batch().Put(kSaeFamily, sae_id,
                       absl::StrCat(BigEndian64(upload), sae.SerializeAsString()));
  mutation.LogPublished(sae_id, sae);
  mutation.OnWritten([sae_id, latents = sae.latent_count()](IndexEditor& index) {
    index.AddSae(sae_id, latents);
  });
  return absl::OkStatus();
}

absl::StatusOr<v1::Sae> Store::GetSae(absl::string_view name) const {
  RECSAE_ASSIGN_OR_RETURN(const std::string sae_id, ParseSaeName(name));
  RECSAE_ASSIGN_OR_RETURN(const SaeRecord record, ReadSae(sae_id));
  return record.sae;
}

absl::StatusOr<v1::ListSaesResponse> Store::ListSaes(const v1::ListSaesRequest& request) const {
  RECSAE_ASSIGN_OR_RETURN(const Page page,
                          ReadPage(request.page_size(), request.page_token(), "saes"));
  v1::ListSaesResponse response;
  PageBytes room(page.size);
  ScanOptions options;
  // The first key after the last one of the page before.
  if (!page.position.empty()) options.from = page.position + '\0';
  std::string last;
  auto scan = database_->Scan(kSaeFamily, "", options);
  for (; scan->Valid(); scan->Next()) {
    if (!room.Takes(scan->value().size())) {
      response.set_next_page_token(MakePageToken(last, "saes"));
      break;
    }
    last = std::string(scan->key());
    RECSAE_RETURN_IF_ERROR(ParseStored(scan->value().substr(8), last, response.add_saes()));
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  return response;
}

absl::Status Store::DeleteSae(const v1::DeleteSaeRequest& request) {
  RECSAE_ASSIGN_OR_RETURN(const std::string sae_id, ParseSaeName(request.name()));
  const auto remove = [&](Mutation& mutation) -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const SaeRecord record, ReadSae(sae_id));
    mutation.batch().UseReserve();
    for (const int32_t latent : index_.ConceptsOf(sae_id)) mutation.Remove(sae_id, latent);
    mutation.batch().Delete(kSaeFamily, sae_id);
    mutation.batch().Delete(kBaselineFamily, sae_id);
    mutation.batch().DeletePrefix(kWeightFamily, UploadPrefix(record.upload));
    mutation.batch().DeletePrefix(kControlFamily, SaePrefix(sae_id));
    mutation.batch().DeletePrefix(kControlUserFamily, SaePrefix(sae_id));
    // What its concepts were stays in the change log alone, until that is compacted.
    mutation.batch().DeletePrefix(kHistoryFamily, SaePrefix(sae_id));
    mutation.LogRemoved(sae_id);
    mutation.OnWritten([sae_id](IndexEditor& index) { index.RemoveSae(sae_id); });
    return absl::OkStatus();
  };
  google::protobuf::Empty response;
  return Mutate("DeleteSae", request.request_id(), DeterministicBytes(request), &response, remove);
}

absl::StatusOr<std::unique_ptr<WeightReader>> Store::ReadWeights(absl::string_view name) const {
  RECSAE_ASSIGN_OR_RETURN(const std::string sae_id, ParseSaeName(name));
  RECSAE_ASSIGN_OR_RETURN(const SaeRecord record, ReadSae(sae_id));
  return std::unique_ptr<WeightReader>(new WeightReader(*this, record.sae, record.upload));
}

}  // namespace recsae::concept_store
