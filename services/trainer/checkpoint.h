// What a training job keeps to go on after a restart.
#ifndef RECSAE_SERVICES_TRAINER_CHECKPOINT_H_
#define RECSAE_SERVICES_TRAINER_CHECKPOINT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::trainer {

struct Checkpoint {
  int64_t rows = 0;           // of the capture, pinned when the job first ran
  int32_t dim = 0;            // length of an activation
  double seconds = 0.0;       // spent on training so far
  uint64_t nonce = 0;         // drawn when the job first ran; makes its request_ids its own
  std::string trainer_state;  // sae::Trainer::SaveState; empty before the first step
};

std::string Encode(const Checkpoint& checkpoint);

// DATA_LOSS (reason CHECKPOINT_DAMAGED) for anything that Encode did not make.
absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view bytes);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_CHECKPOINT_H_
