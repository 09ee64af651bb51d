// A watch that sends a snapshot, then what a log of changes holds, and says once that it has caught
// up.
#ifndef RECSAE_COMMON_RPC_LOG_WATCH_H_
#define RECSAE_COMMON_RPC_LOG_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/rpc/watch_hub.h"

namespace recsae {

// See WatchSource. `Change` is a message with `type` (one is TYPE_CAUGHT_UP), `revision`, `epoch`.
template <typename Change>
class LogWatch : public WatchSource<Change> {
 public:
  absl::Status Read(size_t max_bytes, std::vector<Change>* changes) final {
    RECSAE_RETURN_IF_ERROR(ReadNext(max_bytes, changes));
    for (Change& change : *changes) change.set_epoch(Epoch());
    return absl::OkStatus();
  }
  bool HasMore() const final { return snapshot_ || !caught_up_ || read_ < LastRevision(); }

 protected:
  // Reads the log from `revision` on, after the snapshot if it is wanted.
  LogWatch(bool snapshot, int64_t revision) : snapshot_(snapshot), read_(revision) {}

  virtual std::string Epoch() const = 0;
  // Of the log, as it is now.
  virtual int64_t LastRevision() const = 0;
  // Appends the next part of the snapshot. Whether it was the last one.
  virtual absl::StatusOr<bool> ReadSnapshot(size_t max_bytes, std::vector<Change>* changes) = 0;
  // Appends what the log holds after revision `since`, about `max_bytes` of it. The revision up to
  // which it was read.
  virtual absl::StatusOr<int64_t> ReadLog(int64_t since, size_t max_bytes,
                                          std::vector<Change>* changes) = 0;

 private:
  absl::Status ReadNext(size_t max_bytes, std::vector<Change>* changes) {
    if (snapshot_) {
      RECSAE_ASSIGN_OR_RETURN(const bool last, ReadSnapshot(max_bytes, changes));
      snapshot_ = !last;
      return absl::OkStatus();
    }
    // What changed while the snapshot was read comes before CAUGHT_UP.
    if (!caught_up_at_.has_value()) caught_up_at_ = LastRevision();
    RECSAE_ASSIGN_OR_RETURN(read_, ReadLog(read_, max_bytes, changes));
    if (caught_up_ || read_ < *caught_up_at_) return absl::OkStatus();
    caught_up_ = true;
    Change& change = changes->emplace_back();
    change.set_type(Change::TYPE_CAUGHT_UP);
    change.set_revision(read_);
    return absl::OkStatus();
  }

  bool snapshot_;  // whether some of it is left
  int64_t read_;   // how far the log was read
  std::optional<int64_t> caught_up_at_;
  bool caught_up_ = false;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_LOG_WATCH_H_
