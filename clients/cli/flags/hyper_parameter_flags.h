// Flags of how recommenders and SAEs are trained, shared by their commands and the pipeline.
#ifndef RECSAE_CLIENTS_CLI_FLAGS_HYPER_PARAMETER_FLAGS_H_
#define RECSAE_CLIENTS_CLI_FLAGS_HYPER_PARAMETER_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/flags/command.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
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
  std::optional<int> interests;
  std::optional<int> attention_dim;
  std::optional<double> temperature;
  std::optional<int> pretrain_epochs;
  std::optional<int> clusters;
  std::optional<int> members;
};

// Of those that are lists the first value counts, unless a sweep is made of them.
struct SaeFlags {
  std::string preset = "default";
  std::vector<std::string> architecture;
  std::vector<int> latents;
  std::optional<int> expansion;
  std::vector<int> k;
  // Numbers, or "none" alone.
  std::vector<std::string> matryoshka;
  std::optional<double> sparsity_weight;
  std::optional<double> bandwidth;
  std::string revival;
  std::optional<int> k_aux;
  std::optional<double> aux_alpha;
  std::optional<int64_t> resample_every_rows;
  std::optional<int64_t> dead_after_rows;
  std::vector<double> learning_rate;
  std::optional<double> k_anneal_from;
  std::optional<double> k_anneal_fraction;
  std::optional<double> decoder_rate;
  std::string initial_decoder;
  std::optional<double> warmup_fraction;
  std::optional<double> decay_fraction;
  std::string decay_shape;
  std::optional<int> batch_rows;
  std::optional<int> epochs;
  std::optional<double> gradient_clip;
  std::optional<int> threads;
  std::optional<double> checkpoint_seconds;
  // As typed: "RECOMMENDER/CAPTURE", or a capture of the recommender that is trained on.
  std::string early_stop;
  std::string early_stop_metric;
  std::optional<int> patience;
  std::optional<int64_t> early_stop_rows;
};

// Whether flags take several values, separated by commas.
enum class Values { kOne, kLists };

// `prefix` goes before each flag's name ("sae-" gives --sae-epochs) where both kinds of flag belong
// to one command.
void AddRecommenderFlags(Command& command, const std::string& prefix, RecommenderFlags& flags);
// --preset, --architecture, --expansion, --latents, --k and --matryoshka never have the prefix.
void AddSaeFlags(Command& command, const std::string& prefix, Values values, SaeFlags& flags);

// --recommender's and --kind's values.
inline constexpr const char* kKinds[] = {"sasrec", "bprmf",      "lightgcn", "timirec",
                                         "ecf",    "distillemb", "gpt",      "bert4rec"};
probe::v1::Recommender::Kind ParseKind(const std::string& kind);

probe::v1::HyperParameters MakeHyperParameters(const RecommenderFlags& flags, uint64_t seed);
// For training on `capture`. INVALID_ARGUMENT if --early-stop is no name, a usage error if what
// belongs to it was given without it, or if --matryoshka has "none" beside numbers.
absl::StatusOr<trainer::v1::TrainingConfig> MakeTrainingConfig(const SaeFlags& flags, uint64_t seed,
                                                               const std::string& capture);

// "topk-signed": as --architecture takes it.
std::string ArchitectureName(concept_store::v1::Sae::Architecture architecture);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FLAGS_HYPER_PARAMETER_FLAGS_H_
