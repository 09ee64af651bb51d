// What a recsae-torch-host does with the probe that started it.
#ifndef RECSAE_SERVICES_TORCH_HOST_SESSION_SESSION_H_
#define RECSAE_SERVICES_TORCH_HOST_SESSION_SESSION_H_

namespace recsae::probe {

// Serves the probe at the other end of `socket` until that goes away: see torch_host.proto.
// `model`: a file that holds what Start is about, or -1. Returns the process's exit status; where
// calls were served, the process has ended before.
int RunSession(int socket, int model);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_SESSION_SESSION_H_
