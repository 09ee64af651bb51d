// Dictionaries that nobody trained, from nothing known to everything known.
#ifndef RECSAE_CLIENTS_CLI_BENCH_CONTROLS_H_
#define RECSAE_CLIENTS_CLI_BENCH_CONTROLS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "clients/cli/bench/sampler.h"
#include "common/sae/model.h"
#include "common/sae/trainer.h"

namespace recsae::cli::bench {

// A trainer whose first weights know the first `sample_rows` rows. Errors as Trainer::Create.
absl::StatusOr<std::unique_ptr<sae::Trainer>> StartTraining(const Sampler& sampler,
                                                            const sae::TrainConfig& config,
                                                            int64_t total_rows, int64_t sample_rows,
                                                            int threads, math::WorkerPool& pool);

// One of Controls() (study.h), with as many latents and the k of `config`, a BatchTopK. Its
// threshold is such that k latents are active on average over the sample.
absl::StatusOr<sae::SaeWeights> MakeControl(const std::string& name, const Sampler& sampler,
                                            const sae::TrainConfig& config, int64_t sample_rows,
                                            math::WorkerPool& pool);

}  // namespace recsae::cli::bench

#endif  // RECSAE_CLIENTS_CLI_BENCH_CONTROLS_H_
