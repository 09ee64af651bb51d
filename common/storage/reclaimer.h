// Gives the room of what was deleted back to a disk that is nearly full. Internal to
// common/storage.
#ifndef RECSAE_COMMON_STORAGE_RECLAIMER_H_
#define RECSAE_COMMON_STORAGE_RECLAIMER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace recsae {

struct Engine;

// Keys of a family that start with `prefix`.
struct DeletedRange {
  std::string family;
  std::string prefix;
};

// RocksDB leaves what is deleted where it is until it compacts, which it does when it has written
// enough: on a full disk never. Thread-safe.
class Reclaimer {
 public:
  using Use = std::function<absl::StatusOr<std::shared_ptr<Engine>>()>;

  // `use` gives the database, `done` hears of each round.
  Reclaimer(Use use, std::function<void()> done);
  // Breaks off what is going on.
  ~Reclaimer();
  Reclaimer(const Reclaimer&) = delete;
  Reclaimer& operator=(const Reclaimer&) = delete;

  // What was deleted, for when room is wanted.
  void Note(std::vector<DeletedRange> ranges);
  // Room is wanted: begins with what was noted, in a thread of its own. `flush`: also where there
  // is nothing, as what is in memory may want more room than it takes as tables.
  void Begin(bool flush = false);
  // Waits until nothing is left to do, at most `limit`. Whether there was something.
  bool Wait(absl::Duration limit);

 private:
  void Run();
  void Compact(Engine& engine, const std::vector<DeletedRange>& ranges);

  const Use use_;
  const std::function<void()> done_;
  std::atomic<bool> stopping_ = false;
  absl::Mutex mutex_;
  std::vector<DeletedRange> noted_ ABSL_GUARDED_BY(mutex_);
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool working_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);  // from the first Begin on
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_RECLAIMER_H_
