// Finds and starts recsae-torch-host.
#ifndef RECSAE_SERVICES_PROBE_TORCH_LAUNCHER_H_
#define RECSAE_SERVICES_PROBE_TORCH_LAUNCHER_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/probe/torch/child_process.h"

namespace recsae::probe {

// Thread-safe. Outlives the processes that it starts.
class Launcher {
 public:
  // `program`: its path, or "": it is looked for beside this program and then in $PATH.
  explicit Launcher(std::string program);
  ~Launcher();

  // The program's path. NOT_FOUND (TORCH_HOST_MISSING), saying where it was looked for.
  absl::StatusOr<std::string> Find() const;

  // Starts one, which is given `model`, an open file, or -1. It ignores what is sent to this
  // process's group, has nothing else that is open here, and ends with this process whatever
  // happens to it. Errors: Find; UNAVAILABLE (HOST_AWAY).
  absl::StatusOr<std::unique_ptr<ChildProcess>> Start(int model);

 private:
  void Work();

  const std::string program_;
  // A process is told when the thread that started it ends, not the program: one that lives as long
  // as this does starts them all.
  absl::Mutex mutex_;
  std::function<void()> task_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_LAUNCHER_H_
