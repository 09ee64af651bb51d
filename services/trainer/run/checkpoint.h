// What a training job keeps to go on after a restart.
#ifndef RECSAE_SERVICES_TRAINER_RUN_CHECKPOINT_H_
#define RECSAE_SERVICES_TRAINER_RUN_CHECKPOINT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::sae {
class Trainer;
}  // namespace recsae::sae

namespace recsae::trainer {

// How far the search for the best epoch has come.
struct EarlyStopState {
  int64_t rows = 0;   // looked at, pinned when the job first ran; 0 = no early stop
  int32_t epoch = 0;  // the last one that was judged; 0 = none yet
  int32_t best_epoch = 0;
  double best = 0.0;         // the metric then
  int32_t stale = 0;         // judgements since
  std::string best_weights;  // EncodeWeights
  bool ended = false;        // patience has run out
  friend bool operator==(const EarlyStopState&, const EarlyStopState&) = default;
};

struct Checkpoint {
  // One SAE of the job.
  struct Variant {
    std::string trainer_state;  // sae::Trainer::SaveState; filled for restoring alone
    double step_seconds = 0.0;  // spent in its steps
    int64_t steps = 0;          // once it has ended
    EarlyStopState early_stop;
    friend bool operator==(const Variant&, const Variant&) = default;
  };

  int64_t rows = 0;      // of the capture, pinned when the job first ran
  int32_t dim = 0;       // length of an activation
  double seconds = 0.0;  // spent on training so far
  uint64_t nonce = 0;    // 0, but for a job whose name, of an older server, is not its own
  // Of the former's rows, once they are counted; 0 = they are trained on as they are, repetitions
  // and all, as by older servers.
  int64_t distinct_rows = 0;
  int64_t epoch_rows = 0;  // that an epoch visits; RowCache::epoch_rows, or all rows
  int64_t position = 0;    // rows trained on, counted over the epochs; 0 = no trainers yet
  bool trained = false;    // nothing is left but to evaluate and publish
  std::vector<Variant> variants;
  // Uids of the captures that the job reads, by name: one recorded anew under its name is another.
  // Empty where an older server began the job.
  std::map<std::string, std::string> capture_uids;
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// With the state of the i-th of `trainers`, unless it is null, in place of the i-th variant's;
// there may be fewer of them than variants. Large states are written once, straight to where they
// stay.
std::string Encode(const Checkpoint& checkpoint,
                   const std::vector<const sae::Trainer*>& trainers = {});

// DATA_LOSS (reason CHECKPOINT_DAMAGED) for anything that Encode did not make.
absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view bytes);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_CHECKPOINT_H_
