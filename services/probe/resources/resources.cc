#include "services/probe/resources/resources.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "common/base/id.h"
#include "common/base/status.h"

namespace recsae::probe {
namespace {

absl::Status InUse(const char* reason, absl::string_view what, absl::string_view by,
                   absl::string_view way_out) {
  return Error(absl::StatusCode::kFailedPrecondition, reason,
               absl::StrCat(what, " is used by ", by, ": ", way_out),
               {{"name", std::string(what)}, {"used_by", std::string(by)}});
}

}  // namespace

Resources::Resources(std::unique_ptr<Store> store, MemoryBudget& memory)
    : store_(std::move(store)),
      catalogs_(*store_, memory),
      recommenders_(*store_, memory),
      captures_(*store_) {}

absl::StatusOr<std::unique_ptr<Resources>> Resources::Open(const std::string& directory,
                                                           MemoryBudget& memory,
                                                           const Environment& environment) {
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Store> store, Store::Open(directory, environment));
  std::unique_ptr<Resources> resources(new Resources(std::move(store), memory));
  RECSAE_RETURN_IF_ERROR(resources->AssignUids());
  return resources;
}

absl::Status Resources::AssignUids() {
  WriteBatch batch = store_->db().NewBatch();
  batch.UseReserve();
  const size_t empty = batch.size();
  RECSAE_RETURN_IF_ERROR(catalogs_.AssignUids(batch));
  RECSAE_ASSIGN_OR_RETURN(const auto recommenders, recommenders_.AssignUids(batch));
  RECSAE_RETURN_IF_ERROR(captures_.AssignRecommenderUids(recommenders, batch));
  return batch.size() == empty ? absl::OkStatus() : store_->db().Write(std::move(batch));
}

absl::Status Resources::DeleteCatalog(absl::string_view name, WriteBatch& batch) {
  RECSAE_ASSIGN_OR_RETURN(const StoredCatalog catalog, catalogs_.Get(name));
  RECSAE_ASSIGN_OR_RETURN(const std::string user, recommenders_.FirstUsing(name));
  if (!user.empty()) {
    return InUse("CATALOG_IN_USE", name, user, "delete its recommenders first");
  }
  batch.UseReserve();
  catalogs_.Delete(catalog, batch);
  return absl::OkStatus();
}

absl::Status Resources::DeleteRecommender(absl::string_view name, bool force, WriteBatch& batch) {
  RECSAE_ASSIGN_OR_RETURN(const StoredRecommender recommender, recommenders_.Get(name));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<StoredCapture> captures,
                          captures_.AllOf(absl::StripPrefix(name, "recommenders/")));
  if (!captures.empty() && !force) {
    return InUse("RECOMMENDER_IN_USE", name, captures[0].message.name(),
                 "delete its captures first, or set force to delete them too");
  }
  batch.UseReserve();
  for (const StoredCapture& capture : captures) captures_.Delete(capture, batch);
  recommenders_.Delete(recommender, batch);
  return absl::OkStatus();
}

absl::Status Resources::DeleteCapture(absl::string_view name, WriteBatch& batch) {
  RECSAE_ASSIGN_OR_RETURN(const StoredCapture capture, captures_.Get(name));
  batch.UseReserve();
  captures_.Delete(capture, batch);
  return absl::OkStatus();
}

absl::Status Resources::CreateRecommender(const v1::Recommender& recommender, WriteBatch& batch) {
  RECSAE_RETURN_IF_ERROR(catalogs_.Get(recommender.catalog()).status());
  StoredRecommender stored;
  stored.message = recommender;
  return recommenders_.Create(std::move(stored), batch);
}

absl::Status Resources::CreateCapture(absl::string_view recommender, v1::Capture& capture,
                                      WriteBatch& batch) {
  RECSAE_ASSIGN_OR_RETURN(const StoredRecommender parent, recommenders_.Get(recommender));
  capture.set_dim(parent.message.activation_dim());
  capture.set_uid(NewId());
  capture.set_recommender_uid(parent.message.uid());
  StoredCapture stored;
  stored.message = capture;
  return captures_.Create(std::move(stored), batch);
}

absl::StatusOr<v1::Recommender> Resources::SetHead(const StoredRecommender& recommender,
                                                   HeadWriter& writer) {
  RECSAE_RETURN_IF_ERROR(writer.CheckComplete());
  const std::string& name = recommender.message.name();
  absl::MutexLock lock(&store_->mutex());
  RECSAE_ASSIGN_OR_RETURN(StoredRecommender now, recommenders_.Get(name));
  if (now.uid != recommender.uid) {
    return Error(absl::StatusCode::kAborted, "RECOMMENDER_REPLACED",
                 absl::StrCat(name, " was deleted and made anew during the upload: send again"),
                 {{"recommender", name}});
  }
  if (now.head_uid != 0) {
    RECSAE_ASSIGN_OR_RETURN(const bool same,
                            SameHead(store_->db(), now.head_uid, writer.staging().uid()));
    if (same) return now.message;
    return Error(absl::StatusCode::kFailedPrecondition, "HEAD_EXISTS",
                 absl::StrCat(name,
                              " has a prediction head with other values: register another "
                              "recommender for the new one"),
                 {{"recommender", name}});
  }
  now.head_uid = writer.staging().uid();
  now.message.set_has_prediction_head(true);
  WriteBatch batch = store_->db().NewBatch();
  recommenders_.Put(now, batch);
  writer.staging().Keep(batch);
  RECSAE_RETURN_IF_ERROR(store_->Commit(std::move(batch)));
  writer.Done();
  return now.message;
}

}  // namespace recsae::probe
