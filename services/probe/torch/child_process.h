// One recsae-torch-host, as a process.
#ifndef RECSAE_SERVICES_PROBE_TORCH_CHILD_PROCESS_H_
#define RECSAE_SERVICES_PROBE_TORCH_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "recsae/torch_host/v1/torch_host.pb.h"
#include "services/probe/torch/protocol/frames.h"

namespace recsae::probe {

// Thread-safe, but that one thread at a time receives.
class ChildProcess {
 public:
  // Takes over the socket.
  ChildProcess(pid_t pid, int socket);
  // Kills it: nothing in it is worth waiting for.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // UNAVAILABLE (HOST_AWAY).
  absl::Status Send(const torch_host::v1::ToHost& message);

  // The next message. Errors: UNAVAILABLE (HOST_AWAY) once it ended, which Ending() then says
  // more of; DATA_LOSS (FRAME_INVALID).
  absl::Status Receive(torch_host::v1::FromHost* message);
  // The same. DEADLINE_EXCEEDED (HOST_SLOW) after `deadline`, CANCELLED once `cancelled`, if given,
  // says so, which is asked every few milliseconds.
  absl::Status Receive(torch_host::v1::FromHost* message, absl::Time deadline,
                       const std::function<bool()>& cancelled);

  // Returns at once; Receive then ends.
  void Kill();

  // Ends it where it lives, and says how it ended: "was killed by signal 11 (Segmentation fault)".
  std::string Ending();

  // Memory that it shares with no file.
  int64_t PrivateBytes() const;

 private:
  const pid_t pid_;
  const int socket_;
  FrameReader reader_;
  absl::Mutex write_mutex_;
  absl::Mutex mutex_;
  bool reaped_ ABSL_GUARDED_BY(mutex_) = false;
  std::string ending_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_CHILD_PROCESS_H_
