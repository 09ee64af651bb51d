// What Klenitskiy et al. measure of a sequence recommender: SAEs of its first block's output, and
// how well single latents tell the genre of the item read last.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_FIRST_BLOCK_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_FIRST_BLOCK_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "clients/cli/pipeline/pipeline_plan.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {

// The study, and the recommenders that it opens.
inline constexpr char kFirstBlockStudy[] = "klenitskiy";
inline constexpr const char* kFirstBlockRecommenders[] = {"gpt", "bert4rec"};
// After a recommender's name: as it is before training.
inline constexpr char kUntrainedSuffix[] = "-untrained";

// Whether the cells of this recommender are of its first block.
bool IsFirstBlock(const std::string& recommender);
// The recommender without kUntrainedSuffix.
std::string TrainedName(const std::string& recommender);

// `plan`, a whole one, with captures, SAE and evaluation at the first block. A row is the last
// position of each part of a training sequence that ends with an item: as many as there are
// positions, and what a recommendation goes on from.
PipelinePlan AtFirstBlock(PipelinePlan plan);

// The published training for a capture of so many rows, as far as it is known: 512 latents, rate
// 1e-3, warm-up over 1,000 of 10,000 steps of 256 rows.
trainer::v1::TrainingConfig PublishedConfig(uint64_t seed, int64_t rows);

// "key": what stands for genres in this catalogue. {"key", "explained", "explained_test", "l0",
// "active", "sae": {"d", "latents", "k"}, "correlation":
// {"trained", "raw", "random"} (mean over genres), "original", "reconstructed", "genres":
// [{"value", "prevalence", "trained", "raw", "random": {"latent", "correlation", "auc",
// "precision", "fired"}}]}.
nlohmann::ordered_json FirstBlockJson(const concept_store::v1::Sae& sae,
                                      const explainer::v1::Evaluation& evaluation);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_FIRST_BLOCK_H_
