// How long a job keeps trying a peer that cannot be reached.
#ifndef RECSAE_SERVICES_TRAINER_PEERS_PEER_RETRY_H_
#define RECSAE_SERVICES_TRAINER_PEERS_PEER_RETRY_H_

#include <functional>
#include <utility>

#include "common/client/retry.h"
#include "common/jobs/job_runner.h"

namespace recsae::trainer {

// About a minute in all: long enough for a peer to be restarted.
inline RetryOptions PeerRetry(std::function<bool()> cancelled) {
  RetryOptions options;
  options.attempts = 20;
  options.give_up_after = absl::Minutes(1);
  options.cancelled = std::move(cancelled);
  return options;
}

// Ends when the job is interrupted.
inline RetryOptions PeerRetry(const JobContext& job) {
  return PeerRetry([&job] { return job.cancelled() || job.stopping(); });
}

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_PEERS_PEER_RETRY_H_
