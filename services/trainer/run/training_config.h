// Training configurations of the contract: defaults filled in, every violation found, and turned
// into what the engine takes.
#ifndef RECSAE_SERVICES_TRAINER_RUN_TRAINING_CONFIG_H_
#define RECSAE_SERVICES_TRAINER_RUN_TRAINING_CONFIG_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "common/sae/train_config.h"

namespace recsae {
class BadRequest;
}  // namespace recsae

namespace recsae::concept_store::v1 {
class Sae;
}  // namespace recsae::concept_store::v1

namespace recsae::trainer::v1 {
class TrainingConfig;
}  // namespace recsae::trainer::v1

namespace recsae::trainer {

// As dimension of the activations: not known yet.
inline constexpr int kUnknownDim = 0;

// The configuration with every default filled in, for activations of `dim` values. Fields that mean
// nothing for its architecture or revival stay unset, and are violations where they are set. What
// is wrong is added to `bad` under "{path}.<field>", `path` being the configuration's own in the
// request; with kUnknownDim whatever depends on the dimension is left out and not judged.
v1::TrainingConfig FillIn(const v1::TrainingConfig& config, int dim, const std::string& path,
                          BadRequest& bad);

// The engine's view of a filled-in configuration.
sae::TrainConfig ToEngine(const v1::TrainingConfig& filled_in);

// The filled-in configuration as text, for TrainingReport.hyper_parameters; without what decides
// nothing of the result.
std::map<std::string, std::string> AsText(const v1::TrainingConfig& filled_in);

// How what is asked for differs from what made `made`: "k is 8, asked for 16; ...", empty where it
// does not. What decides nothing of the result (threads, checkpoints) is not compared, nor what one
// of an earlier version does not know of itself.
std::string Differences(const concept_store::v1::Sae& made, const std::string& capture,
                        const std::string& capture_uid, const v1::TrainingConfig& filled_in);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_TRAINING_CONFIG_H_
