// Which catalogues and recommenders changed, in order, for those who watch them.
#ifndef RECSAE_SERVICES_PROBE_STORE_CHANGE_LOG_H_
#define RECSAE_SERVICES_PROBE_STORE_CHANGE_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"

namespace recsae::probe {

// Thread-safe. In memory alone: what there is is little and quickly read again, so a probe that was
// started again begins a new epoch at revision 0.
class ChangeLog {
 public:
  // Keeps the `kept` newest changes.
  explicit ChangeLog(size_t kept = 4096);

  const std::string& epoch() const { return epoch_; }
  int64_t revision() const;

  // Adds a change of each resource, whose write is done, then calls the callback.
  void Add(absl::Span<const std::string> names);
  // At most `max` changes after the revision `after`, oldest first: revision and name. OUT_OF_RANGE
  // (REVISION_COMPACTED).
  absl::Status Read(int64_t after, size_t max,
                    std::vector<std::pair<int64_t, std::string>>* changes) const;
  // OUT_OF_RANGE (STORE_CHANGED, REVISION_UNKNOWN, REVISION_COMPACTED) unless Read can go on from
  // `revision` of `epoch` (empty = of this one).
  absl::Status Check(absl::string_view epoch, int64_t revision) const;

  // Heard after each Add, until it is set anew.
  void SetCallback(std::function<void()> callback);

 private:
  const size_t kept_;
  const std::string epoch_;
  mutable absl::Mutex mutex_;
  int64_t floor_ ABSL_GUARDED_BY(mutex_) = 0;  // revision before the first of names_
  std::deque<std::string> names_ ABSL_GUARDED_BY(mutex_);
  absl::Mutex callback_mutex_;  // held while the callback runs
  std::function<void()> callback_ ABSL_GUARDED_BY(callback_mutex_) = [] {};
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_STORE_CHANGE_LOG_H_
