// Recommenders of every kind, made from options or from what was stored.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_FACTORY_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_FACTORY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// An untrained recommender; Train before anything else. Errors: CheckOptions,
// CheckTrainable (of ECF, which can be made where it cannot be trained, only its Train).
absl::StatusOr<std::unique_ptr<Recommender>> NewRecommender(const RecommenderOptions& options);

// From Save()'s bytes. DATA_LOSS (RECOMMENDER_CORRUPT) if they are not what Save wrote,
// UNIMPLEMENTED (RECOMMENDER_KIND_UNAVAILABLE) if they are of a kind that this build cannot run.
absl::StatusOr<std::unique_ptr<Recommender>> LoadRecommender(absl::string_view bytes);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_FACTORY_H_
