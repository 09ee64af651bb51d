// Brings up a recsae-torch-host for one task.
#ifndef RECSAE_SERVICES_PROBE_TORCH_START_CHILD_H_
#define RECSAE_SERVICES_PROBE_TORCH_START_CHILD_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "recsae/torch_host/v1/torch_host.pb.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/torch/child_process.h"
#include "services/probe/torch/launcher.h"
#include "services/probe/torch/shared_bytes.h"

namespace recsae::probe {

// What a child is for.
struct ChildTask {
  torch_host::v1::Start start;
  std::shared_ptr<const SharedBytes> model;  // of Serve and Import
  const Dataset* dataset = nullptr;          // of Train
  TrainCallback on_progress;                 // of Train: false ends it with CANCELLED
  bool foreign = false;                      // runs a module, not what is built in
  absl::Duration limit = absl::InfiniteDuration();
};

struct ReadyChild {
  std::unique_ptr<ChildProcess> process;
  torch_host::v1::Ready ready;
  std::string model;                // of Train: what Save wrote
  std::vector<float> item_vectors;  // of Train
};

// Errors: what the child says of its task; CANCELLED once `cancelled`, if given, says so, and
// those of Launcher::Start. Of a child that ended: see ChildEnded. Of one that is not ready within
// the limit: see ChildSlow.
absl::StatusOr<ReadyChild> StartChild(Launcher& launcher, const ChildTask& task,
                                      const std::function<bool()>& cancelled);

// UNAVAILABLE (HOST_AWAY), or for a module FAILED_PRECONDITION (MODULE_FAILED). `ending`:
// ChildProcess::Ending.
absl::Status ChildEnded(bool foreign, const std::string& ending);
// DEADLINE_EXCEEDED (MODULE_DEADLINE).
absl::Status ChildSlow(absl::Duration limit);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_START_CHILD_H_
