#include "services/probe/feed/resource_watch.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/budget/paging.h"

namespace recsae::probe {
namespace {

using v1::ResourceChange;

constexpr int32_t kPage = 16;
constexpr size_t kNames = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<WatchSource<ResourceChange>>> ResourceWatch::Begin(
    Resources& resources, const v1::WatchResourcesRequest& request) {
  const ChangeLog& log = resources.store().changes();
  if (!request.has_since_revision()) {
    return std::unique_ptr<WatchSource<ResourceChange>>(
        new ResourceWatch(resources, /*snapshot=*/true, log.revision()));
  }
  if (request.since_revision() < 0) {
    BadRequest bad;
    bad.Add("since_revision", absl::StrCat("must not be negative, is ", request.since_revision()));
    return bad.ToStatus();
  }
  RECSAE_RETURN_IF_ERROR(log.Check(request.epoch(), request.since_revision()));
  return std::unique_ptr<WatchSource<ResourceChange>>(
      new ResourceWatch(resources, /*snapshot=*/false, request.since_revision()));
}

std::string ResourceWatch::Epoch() const { return resources_.store().changes().epoch(); }

int64_t ResourceWatch::LastRevision() const { return resources_.store().changes().revision(); }

absl::StatusOr<bool> ResourceWatch::ReadSnapshot(size_t /*max_bytes*/,
                                                 std::vector<ResourceChange>* changes) {
  Page page;
  page.size = kPage;
  page.position = std::exchange(position_, "");
  const auto add = [changes] {
    changes->emplace_back().set_type(ResourceChange::TYPE_UPSERTED);
    return &changes->back();
  };
  if (!recommenders_) {
    RECSAE_ASSIGN_OR_RETURN(auto found, resources_.catalogs().List(page, &position_));
    for (StoredCatalog& catalog : found) add()->mutable_catalog()->Swap(&catalog.message);
    recommenders_ = position_.empty();
    return false;
  }
  RECSAE_ASSIGN_OR_RETURN(auto found, resources_.recommenders().List(page, &position_));
  for (StoredRecommender& recommender : found) {
    add()->mutable_recommender()->Swap(&recommender.message);
  }
  return position_.empty();
}

absl::StatusOr<int64_t> ResourceWatch::ReadLog(int64_t since, size_t max_bytes,
                                               std::vector<ResourceChange>* changes) {
  std::vector<std::pair<int64_t, std::string>> changed;
  RECSAE_RETURN_IF_ERROR(resources_.store().changes().Read(since, kNames, &changed));
  size_t bytes = 0;
  for (const auto& [revision, name] : changed) {
    if (bytes > max_bytes) break;
    ResourceChange& change = changes->emplace_back();
    change.set_revision(revision);
    RECSAE_RETURN_IF_ERROR(Describe(name, &change));
    bytes += change.ByteSizeLong();
    since = revision;
  }
  return since;
}

absl::Status ResourceWatch::Describe(const std::string& name, ResourceChange* change) const {
  const bool is_catalog = absl::StartsWith(name, "catalogs/");
  absl::Status status;
  if (is_catalog) {
    auto catalog = resources_.catalogs().Get(name);
    if (catalog.ok()) change->mutable_catalog()->Swap(&catalog->message);
    status = catalog.status();
  } else {
    auto recommender = resources_.recommenders().Get(name);
    if (recommender.ok()) change->mutable_recommender()->Swap(&recommender->message);
    status = recommender.status();
  }
  change->set_type(status.ok() ? ResourceChange::TYPE_UPSERTED : ResourceChange::TYPE_DELETED);
  if (!absl::IsNotFound(status)) return status;
  if (is_catalog) {
    change->mutable_catalog()->set_name(name);
  } else {
    change->mutable_recommender()->set_name(name);
  }
  return absl::OkStatus();
}

}  // namespace recsae::probe
