// Where a trained SAE goes: the concept-store, or memory in tests.
#ifndef RECSAE_SERVICES_TRAINER_RUN_PUBLISHER_H_
#define RECSAE_SERVICES_TRAINER_RUN_PUBLISHER_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/sae/model.h"

namespace recsae {
class JobContext;
}  // namespace recsae

namespace recsae::concept_store::v1 {
class Sae;
}  // namespace recsae::concept_store::v1

namespace recsae::trainer {

// Thread-safe.
class SaePublisher {
 public:
  virtual ~SaePublisher() = default;

  // Publishes under sae.name(), once for each request_id however often it is called, and returns
  // the SAE as published. Ends soon after the job is interrupted.
  virtual absl::StatusOr<concept_store::v1::Sae> Publish(const concept_store::v1::Sae& sae,
                                                         const sae::SaeWeights& weights,
                                                         const std::string& request_id,
                                                         const JobContext& job) = 0;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_PUBLISHER_H_
