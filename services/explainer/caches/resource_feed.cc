#include "services/explainer/caches/resource_feed.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::explainer {

using probe::v1::ResourceChange;

std::string VersionOf(const probe::v1::Recommender& recommender,
                      const probe::v1::Catalog& catalog) {
  return absl::StrCat(recommender.uid(), recommender.has_prediction_head() ? " with head " : " ",
                      catalog.uid(), " ", catalog.revision());
}

ResourceFeed::ResourceFeed(Peers& peers)
    : peers_(peers), follower_("catalogues and recommenders", [this](Follower::Stream& stream) {
        return Follow(stream);
      }) {}

std::optional<std::string> ResourceFeed::Version(const std::string& recommender) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = state_.recommenders.find(recommender);
  if (found == state_.recommenders.end() || !found->second.has_prediction_head()) {
    return std::nullopt;
  }
  const auto catalog = state_.catalogs.find(found->second.catalog());
  if (catalog == state_.catalogs.end()) return std::nullopt;
  return VersionOf(found->second, catalog->second);
}

absl::Status ResourceFeed::Follow(Follower::Stream& stream) {
  probe::v1::WatchResourcesRequest request;
  std::optional<State> snapshot;  // until it is complete
  if (stream.since().has_value()) {
    request.set_since_revision(stream.since()->revision);
    request.set_epoch(stream.since()->epoch);
  } else {
    snapshot.emplace();
  }
  const auto reader = peers_.probe->WatchResources(&stream.context(), request);
  ResourceChange change;
  while (reader->Read(&change)) {
    const FeedCursor cursor{change.epoch(), change.revision()};
    if (snapshot.has_value() && change.type() != ResourceChange::TYPE_CAUGHT_UP) {
      snapshot->Apply(change);
      continue;
    }
    {
      const absl::MutexLock lock(&mutex_);
      if (snapshot.has_value()) {
        state_ = *std::exchange(snapshot, std::nullopt);
      } else {
        state_.Apply(change);
      }
    }
    stream.Advance(cursor);
  }
  return peers_.probe.peer().FromGrpc(reader->Finish());
}

void ResourceFeed::State::Apply(ResourceChange& change) {
  const bool deleted = change.type() == ResourceChange::TYPE_DELETED;
  if (change.has_catalog()) {
    const std::string name = change.catalog().name();
    if (deleted) {
      catalogs.erase(name);
    } else {
      catalogs[name] = std::move(*change.mutable_catalog());
    }
  } else if (change.has_recommender()) {
    const std::string name = change.recommender().name();
    if (deleted) {
      recommenders.erase(name);
    } else {
      recommenders[name] = std::move(*change.mutable_recommender());
    }
  }
}

}  // namespace recsae::explainer
