// Calls to one recsae-torch-host.
#ifndef RECSAE_SERVICES_PROBE_TORCH_CHILD_CALLS_H_
#define RECSAE_SERVICES_PROBE_TORCH_CHILD_CALLS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "recsae/hosts/v1/hosts.pb.h"
#include "services/probe/torch/child_process.h"

namespace recsae::probe {

// Thread-safe. A thread of its own takes what comes and wakes who waits for it.
class ChildCalls {
 public:
  // The child is ready.
  explicit ChildCalls(std::unique_ptr<ChildProcess> child);
  // Nobody waits any more. Ends the child.
  ~ChildCalls();
  ChildCalls(const ChildCalls&) = delete;
  ChildCalls& operator=(const ChildCalls&) = delete;

  // The answer, whose error, if any, is the result. UNAVAILABLE (HOST_AWAY) where the child ended;
  // DEADLINE_EXCEEDED (HOST_SLOW) after `deadline`; CANCELLED within milliseconds once `cancelled`,
  // if given, says so.
  absl::StatusOr<hosts::v1::Answer> Call(hosts::v1::Call call, absl::Time deadline,
                                         const std::function<bool()>& cancelled);

  bool ended() const;
  ChildProcess& child() { return *child_; }

 private:
  struct Waiting {
    bool done = false;
    bool ended = false;
    hosts::v1::Answer answer;
  };

  void Read();
  // True once done or ended.
  absl::Status WaitFor(Waiting& waiting, absl::Time deadline,
                       const std::function<bool()>& cancelled)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<ChildProcess> child_;
  mutable absl::Mutex mutex_;
  int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<int64_t, Waiting*> waiting_ ABSL_GUARDED_BY(mutex_);
  std::thread reader_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_CHILD_CALLS_H_
