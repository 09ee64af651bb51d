// Recommenders of every kind, made from options or from what was stored.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_FACTORY_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_FACTORY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/torch_kinds.h"

namespace recsae::probe {

// An untrained recommender; Train before anything else. Errors: CheckOptions, TorchKinds::New.
absl::StatusOr<std::unique_ptr<Recommender>> NewRecommender(const RecommenderOptions& options,
                                                            const TorchKinds& torch);

// From Save()'s bytes. DATA_LOSS (RECOMMENDER_CORRUPT) if they are not what Save wrote. Errors:
// TorchKinds::Load.
absl::StatusOr<std::unique_ptr<Recommender>> LoadRecommender(absl::string_view bytes,
                                                             const TorchKinds& torch);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_FACTORY_H_
