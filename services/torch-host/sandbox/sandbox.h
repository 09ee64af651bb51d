// What a process that runs somebody else's module gives up.
#ifndef RECSAE_SERVICES_TORCH_HOST_SANDBOX_SANDBOX_H_
#define RECSAE_SERVICES_TORCH_HOST_SANDBOX_SANDBOX_H_

#include <cstdint>

#include "absl/status/status.h"

namespace recsae::probe {

// From here on, for good and for every thread, this process may take `memory` bytes more than it
// has (allocations beyond fail), and of the system only memory, its own threads, the time, random
// numbers and what it has open: no files, no network, no other programs or processes. What it may
// not do fails with EPERM. Its output is dropped. Only where there is one thread. INTERNAL
// (SANDBOX_UNAVAILABLE) where the kernel has no seccomp; the process must not go on then.
absl::Status EnterSandbox(int64_t memory);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_SANDBOX_SANDBOX_H_
