// What a training job was asked for: one SAE or several, checked and filled in alike.
#ifndef RECSAE_SERVICES_TRAINER_RUN_TRAIN_REQUEST_H_
#define RECSAE_SERVICES_TRAINER_RUN_TRAIN_REQUEST_H_

#include <string>
#include <vector>

#include "recsae/trainer/v1/trainer.pb.h"
#include "services/trainer/run/training_config.h"

namespace recsae {
class BadRequest;
}  // namespace recsae

namespace recsae::trainer {

inline constexpr int kMaxVariants = 64;

// A TrainSaeRequest or a TrainSaesRequest.
struct TrainRequest {
  struct Variant {
    std::string sae_id;
    v1::TrainingConfig config;
    // Where its sae_id and config are in the request: "", or "variants[3].".
    std::string path;
  };

  explicit TrainRequest(const v1::TrainSaeRequest& request);
  explicit TrainRequest(const v1::TrainSaesRequest& request);

  std::string capture;
  std::vector<Variant> variants;
};

// The request with `configs` in the place of its own ones, in their order.
v1::TrainSaeRequest WithConfigs(v1::TrainSaeRequest request,
                                const std::vector<v1::TrainingConfig>& configs);
v1::TrainSaesRequest WithConfigs(v1::TrainSaesRequest request,
                                 const std::vector<v1::TrainingConfig>& configs);

// Adds what is wrong with number, names and captures.
void CheckNames(const TrainRequest& request, BadRequest& bad);

// FillIn of every variant's configuration for such activations; one that is filled in stays as it
// is. Options that all must share and do not are violations too.
std::vector<v1::TrainingConfig> FillInAll(const TrainRequest& request, const DataShape& data,
                                          BadRequest& bad);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_TRAIN_REQUEST_H_
