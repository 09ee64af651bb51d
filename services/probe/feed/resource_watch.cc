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

ResourceWatch::ResourceWatch(Resources& resources, Snapshot snapshot, int64_t revision)
    : resources_(resources),
      snapshot_(snapshot),
      read_(revision),
      caught_up_at_(resources.store().changes().revision()) {}

absl::StatusOr<std::unique_ptr<WatchSource<ResourceChange>>> ResourceWatch::Begin(
    Resources& resources, const v1::WatchResourcesRequest& request) {
  const ChangeLog& log = resources.store().changes();
  if (!request.has_since_revision()) {
    return std::unique_ptr<WatchSource<ResourceChange>>(
        new ResourceWatch(resources, Snapshot::kCatalogs, log.revision()));
  }
  if (request.since_revision() < 0) {
    BadRequest bad;
    bad.Add("since_revision", absl::StrCat("must not be negative, is ", request.since_revision()));
    return bad.ToStatus();
  }
  RECSAE_RETURN_IF_ERROR(log.Check(request.epoch(), request.since_revision()));
  return std::unique_ptr<WatchSource<ResourceChange>>(
      new ResourceWatch(resources, Snapshot::kDone, request.since_revision()));
}

bool ResourceWatch::HasMore() const {
  return snapshot_ != Snapshot::kDone || !caught_up_ ||
         read_ < resources_.store().changes().revision();
}

absl::Status ResourceWatch::Read(size_t max_bytes, std::vector<ResourceChange>* changes) {
  RECSAE_RETURN_IF_ERROR(snapshot_ == Snapshot::kDone ? ReadLog(max_bytes, changes)
                                                      : ReadSnapshot(changes));
  for (ResourceChange& change : *changes) change.set_epoch(resources_.store().changes().epoch());
  return absl::OkStatus();
}

absl::Status ResourceWatch::ReadSnapshot(std::vector<ResourceChange>* changes) {
  Page page;
  page.size = kPage;
  page.position = std::exchange(position_, "");
  const auto add = [changes] {
    changes->emplace_back().set_type(ResourceChange::TYPE_UPSERTED);
    return &changes->back();
  };
  if (snapshot_ == Snapshot::kCatalogs) {
    RECSAE_ASSIGN_OR_RETURN(auto found, resources_.catalogs().List(page, &position_));
    for (StoredCatalog& catalog : found) add()->mutable_catalog()->Swap(&catalog.message);
  } else {
    RECSAE_ASSIGN_OR_RETURN(auto found, resources_.recommenders().List(page, &position_));
    for (StoredRecommender& recommender : found) {
      add()->mutable_recommender()->Swap(&recommender.message);
    }
  }
  if (!position_.empty()) return absl::OkStatus();
  snapshot_ = snapshot_ == Snapshot::kCatalogs ? Snapshot::kRecommenders : Snapshot::kDone;
  // What changed while it was read comes before CAUGHT_UP.
  caught_up_at_ = resources_.store().changes().revision();
  return absl::OkStatus();
}

absl::Status ResourceWatch::ReadLog(size_t max_bytes, std::vector<ResourceChange>* changes) {
  std::vector<std::pair<int64_t, std::string>> changed;
  RECSAE_RETURN_IF_ERROR(resources_.store().changes().Read(read_, kNames, &changed));
  size_t bytes = 0;
  for (const auto& [revision, name] : changed) {
    if (bytes > max_bytes) break;
    ResourceChange& change = changes->emplace_back();
    change.set_revision(revision);
    RECSAE_RETURN_IF_ERROR(Describe(name, &change));
    bytes += change.ByteSizeLong();
    read_ = revision;
  }
  if (caught_up_ || read_ < caught_up_at_) return absl::OkStatus();
  caught_up_ = true;
  changes->emplace_back().set_type(ResourceChange::TYPE_CAUGHT_UP);
  changes->back().set_revision(read_);
  return absl::OkStatus();
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
