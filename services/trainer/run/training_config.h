// Training configurations of the contract: defaults filled in, every violation found, and turned
// into what the engine takes.
#ifndef RECSAE_SERVICES_TRAINER_RUN_TRAINING_CONFIG_H_
#define RECSAE_SERVICES_TRAINER_RUN_TRAINING_CONFIG_H_

#include <cstdint>
#include <limits>
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

// What defaults depend on.
struct DataShape {
  // Values of an activation; 0 = not known yet.
  int dim = 0;
  // Distinct activations; 0 = not known yet. kAnyRows = so many that the default number of latents
  // is the largest that it may be: for what has to be said before they are counted.
  int64_t distinct_rows = 0;
};

inline constexpr int64_t kAnyRows = std::numeric_limits<int64_t>::max();

// The configuration with every default filled in, for such activations. Fields that mean nothing
// for its architecture or revival stay unset, and are violations where they are set. What is wrong
// is added to `bad` under "{path}.<field>", `path` being the configuration's own in the request;
// what depends on something that is not known is left out and not judged. What is no violation with
// kAnyRows is none with any number of rows.
v1::TrainingConfig FillIn(const v1::TrainingConfig& config, const DataShape& data,
                          const std::string& path, BadRequest& bad);

// What is to be said about training so many latents on so many distinct activations; empty if
// nothing is.
std::string LatentsWarning(const v1::TrainingConfig& filled_in, int64_t distinct_rows);

// What is to be said of an SAE that reconstructs no better than the mean of its data would; empty
// where there is nothing.
std::string QualityWarning(double fvu, double dead_fraction);

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
