// The way to a model in a recsae-torch-host, which is started again where it ended.
#ifndef RECSAE_SERVICES_PROBE_TORCH_TORCH_LINK_H_
#define RECSAE_SERVICES_PROBE_TORCH_TORCH_LINK_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/probe/hosts/host_link.h"
#include "services/probe/torch/child_calls.h"
#include "services/probe/torch/launcher.h"
#include "services/probe/torch/start_child.h"

namespace recsae::probe {

class TorchLink : public HostLink {
 public:
  // `task`: what brings up another child, of kind Serve. Its limit is that of each call of a
  // module; start.parallel_calls how many it answers at a time, the others wait in line.
  TorchLink(Launcher& launcher, ChildTask task, std::unique_ptr<ChildProcess> child);

  // A module's child that has not answered when the time is up, or soon after its caller has gone,
  // is killed: this call's loss alone. Errors: what the child answered; CANCELLED; ChildEnded;
  // ChildSlow; StartChild.
  absl::StatusOr<hosts::v1::Answer> Call(hosts::v1::Call call,
                                         const std::function<bool()>& cancelled) const override;
  int parallel_calls() const override { return task_.start.parallel_calls(); }

  // Memory that the child shares with no file.
  int64_t PrivateBytes() const;

 private:
  // Waits in line; CANCELLED.
  absl::Status TakeTurn(const std::function<bool()>& cancelled) const;
  void GiveTurn() const;
  absl::StatusOr<std::shared_ptr<ChildCalls>> Running(const std::function<bool()>& cancelled) const;
  absl::Status Explain(const absl::Status& status, ChildCalls& calls) const;

  Launcher& launcher_;
  const ChildTask task_;
  mutable absl::Mutex line_mutex_;
  mutable int running_ ABSL_GUARDED_BY(line_mutex_) = 0;
  mutable std::list<const void*> line_ ABSL_GUARDED_BY(line_mutex_);
  mutable absl::Mutex child_mutex_;  // while one is started, too
  mutable std::shared_ptr<ChildCalls> child_ ABSL_GUARDED_BY(child_mutex_);
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_TORCH_LINK_H_
