// What a WatchResources call sends: all catalogues and recommenders, then each that changes.
#ifndef RECSAE_SERVICES_PROBE_FEED_RESOURCE_WATCH_H_
#define RECSAE_SERVICES_PROBE_FEED_RESOURCE_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/watch_hub.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/probe/resources/resources.h"

namespace recsae::probe {

// See WatchSource. `resources` must outlive it.
class ResourceWatch final : public WatchSource<v1::ResourceChange> {
 public:
  // INVALID_ARGUMENT for a negative since_revision; OUT_OF_RANGE as ChangeLog::Check.
  static absl::StatusOr<std::unique_ptr<WatchSource<v1::ResourceChange>>> Begin(
      Resources& resources, const v1::WatchResourcesRequest& request);

  absl::Status Read(size_t max_bytes, std::vector<v1::ResourceChange>* changes) override;
  bool HasMore() const override;

 private:
  // What is left of the snapshot.
  enum class Snapshot { kCatalogs, kRecommenders, kDone };

  ResourceWatch(Resources& resources, Snapshot snapshot, int64_t revision);
  absl::Status ReadSnapshot(std::vector<v1::ResourceChange>* changes);
  absl::Status ReadLog(size_t max_bytes, std::vector<v1::ResourceChange>* changes);
  // The resource as it is now.
  absl::Status Describe(const std::string& name, v1::ResourceChange* change) const;

  Resources& resources_;
  Snapshot snapshot_;
  std::string position_;  // where the next page of the snapshot begins
  int64_t read_;          // how far the log was read
  int64_t caught_up_at_;  // the revision that CAUGHT_UP waits for
  bool caught_up_ = false;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_FEED_RESOURCE_WATCH_H_
