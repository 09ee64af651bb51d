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
#include "common/rpc/log_watch.h"
#include "common/rpc/watch_hub.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/probe/resources/resources.h"

namespace recsae::probe {

// See LogWatch. `resources` must outlive it.
class ResourceWatch final : public LogWatch<v1::ResourceChange> {
 public:
  // INVALID_ARGUMENT for a negative since_revision; OUT_OF_RANGE as ChangeLog::Check.
  static absl::StatusOr<std::unique_ptr<WatchSource<v1::ResourceChange>>> Begin(
      Resources& resources, const v1::WatchResourcesRequest& request);

 private:
  ResourceWatch(Resources& resources, bool snapshot, int64_t revision)
      : LogWatch(snapshot, revision), resources_(resources) {}
  std::string Epoch() const override;
  int64_t LastRevision() const override;
  absl::StatusOr<bool> ReadSnapshot(size_t max_bytes,
                                    std::vector<v1::ResourceChange>* changes) override;
  absl::StatusOr<int64_t> ReadLog(int64_t since, size_t max_bytes,
                                  std::vector<v1::ResourceChange>* changes) override;
  // The resource as it is now.
  absl::Status Describe(const std::string& name, v1::ResourceChange* change) const;

  Resources& resources_;
  // Where the snapshot is: catalogues come first.
  bool recommenders_ = false;
  std::string position_;  // of its next page
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_FEED_RESOURCE_WATCH_H_
