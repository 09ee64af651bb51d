// Flags of how recommenders and SAEs are trained, shared by their commands and the pipeline.
#ifndef RECSAE_CLIENTS_CLI_HYPER_PARAMETER_FLAGS_H_
#define RECSAE_CLIENTS_CLI_HYPER_PARAMETER_FLAGS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "recsae/probe/v1/probe.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {

// An unset value takes the server's default.
struct RecommenderFlags {
  std::optional<int> embedding_dim;
  std::optional<double> learning_rate;
  std::optional<double> l2;
  std::optional<int> history;
  std::optional<int> layers;
  std::optional<int> heads;
  std::optional<double> dropout;
  std::string loss;
  std::optional<int> epochs;
  std::optional<int> patience;
  std::optional<int> batch_size;
};

struct SaeFlags {
  std::string preset = "default";
  std::optional<int> latents;
  std::optional<int> expansion;
  std::optional<int> k;
  std::optional<int> k_aux;
  std::optional<double> aux_alpha;
  std::optional<int64_t> dead_after_rows;
  std::optional<double> learning_rate;
  std::optional<double> warmup_fraction;
  std::optional<double> decay_fraction;
  std::optional<int> batch_rows;
  std::optional<int> epochs;
  std::optional<double> gradient_clip;
  std::optional<int> threads;
  std::optional<double> checkpoint_seconds;
};

// `prefix` goes before each flag's name ("sae-" gives --sae-epochs) where both kinds of flag belong
// to one command.
void AddRecommenderFlags(CLI::App& command, const std::string& prefix, RecommenderFlags& flags);
// --preset, --expansion, --latents and --k never have the prefix.
void AddSaeFlags(CLI::App& command, const std::string& prefix, SaeFlags& flags);

// --recommender's and --kind's values.
inline constexpr const char* kKinds[] = {"sasrec", "bprmf"};
probe::v1::Recommender::Kind ParseKind(const std::string& kind);

probe::v1::HyperParameters MakeHyperParameters(const RecommenderFlags& flags, uint64_t seed);
trainer::v1::TrainingConfig MakeTrainingConfig(const SaeFlags& flags, uint64_t seed);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_HYPER_PARAMETER_FLAGS_H_
