// Trainings on disk, so that one which was stopped goes on.
#ifndef RECSAE_CLIENTS_CLI_BENCH_CHECKPOINT_H_
#define RECSAE_CLIENTS_CLI_BENCH_CHECKPOINT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sae/trainer.h"

namespace recsae::cli::bench {

// One training's file in a folder. Not thread-safe.
class CheckpointKeeper {
 public:
  // `folder` empty = keeps nothing. `data` says what the training is of: a file of other data, or
  // of other settings, is not gone on from.
  CheckpointKeeper(const std::string& folder, const std::string& name, const std::string& data);

  // Replaces the file, as a whole. FAILED_PRECONDITION (CHECKPOINT_UNWRITABLE).
  absl::Status Keep(const sae::Trainer& trainer) const;

  // The training as it was kept, null where there is none. INVALID_ARGUMENT (CHECKPOINT_MISMATCH)
  // where it is another one, DATA_LOSS (TRAINING_STATE_DAMAGED).
  absl::StatusOr<std::unique_ptr<sae::Trainer>> Load(const sae::TrainConfig& config,
                                                     int threads) const;

 private:
  const std::string path_;
  const std::string data_;
};

}  // namespace recsae::cli::bench

#endif  // RECSAE_CLIENTS_CLI_BENCH_CHECKPOINT_H_
