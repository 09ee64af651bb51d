// What is trained on a known world and measured against it.
#ifndef RECSAE_CLIENTS_CLI_BENCH_STUDY_H_
#define RECSAE_CLIENTS_CLI_BENCH_STUDY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/bench/sampler.h"
#include "clients/cli/bench/scores.h"
#include "common/sae/model.h"
#include "common/sae/train_config.h"

namespace recsae::cli::bench {

// Architectures as --architecture names them, in the order of the table.
const std::vector<std::string>& Architectures();

// Dictionaries that nobody trained:
//   truth      the world's most frequent features, with one threshold so that L0 is k
//   untrained  what training by BatchTopK begins with
//   random     random directions, and others to encode with
//   rows       rows of the world, less their mean
const std::vector<std::string>& Controls();

// What every SAE of a study has in common. Fields as TrainConfig has them.
struct StudySettings {
  int latents = 0;
  int k = 0;
  std::vector<int> prefixes;  // of "matryoshka"; empty = those of SynthSAEBench
  int64_t train_samples = 0;
  int64_t test_samples = 0;
  double learning_rate = 0.0;
  double k_anneal_from = 1.0;
  double k_anneal_fraction = 0.0;
  double decoder_rate = 1.0;
  sae::InitialDecoder initial_decoder = sae::InitialDecoder::kRandom;
  double warmup_fraction = 0.0;
  double decay_fraction = 0.0;
  double clip_norm = 0.0;
  int batch_rows = 1024;
  int64_t dead_after_rows = 0;
  int threads = 1;
  uint64_t world_seed = 1;
  // Where trainings are kept, to go on from or to measure again; empty = nowhere.
  std::string checkpoints;
  double checkpoint_seconds = 300;
};

// How an architecture is trained here. `name` is one of Architectures().
sae::TrainConfig MakeConfig(const StudySettings& settings, absl::string_view name, uint64_t seed);

// Bytes that a study takes at most: the world, a trainer, and what measuring takes.
int64_t EstimateStudyBytes(const WorldSpec& spec, const StudySettings& settings);

struct Reading {
  std::string rule;  // "own" or "pursuit"
  Scores scores;
};

struct Outcome {
  std::string name;  // of Architectures() or Controls()
  uint64_t seed = 0;
  std::vector<Reading> readings;
  // Of this process alone, where a training went on from a checkpoint; 0 for controls.
  int64_t rows = 0;
  double generate_seconds = 0.0;
  double train_seconds = 0.0;
};

// Told how many of all rows were trained on or latents matched, and of which kind; and of one line
// worth keeping.
struct StudyProgress {
  std::function<void(absl::string_view what, absl::string_view unit, int64_t done, int64_t total)>
      show;
  std::function<void(const std::string& line)> say;
};

// Trains and measures one architecture.
//   INVALID_ARGUMENT     TRAINING_CONFIG_INVALID, CHECKPOINT_MISMATCH
//   DATA_LOSS            TRAINING_STATE_DAMAGED
//   FAILED_PRECONDITION  CHECKPOINT_UNWRITABLE
absl::StatusOr<Outcome> RunArchitecture(const World& world, const StudySettings& settings,
                                        const std::string& name, uint64_t seed,
                                        math::WorkerPool& pool, const StudyProgress& progress);

// Makes and measures one of Controls().
absl::StatusOr<Outcome> RunControl(const World& world, const StudySettings& settings,
                                   const std::string& name, uint64_t seed, math::WorkerPool& pool,
                                   const StudyProgress& progress);

}  // namespace recsae::cli::bench

#endif  // RECSAE_CLIENTS_CLI_BENCH_STUDY_H_
