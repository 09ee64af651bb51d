// The contract's HyperParameters to and from the options of a hosted recommender.
#ifndef RECSAE_SERVICES_PROBE_MODELS_HYPER_PARAMETERS_H_
#define RECSAE_SERVICES_PROBE_MODELS_HYPER_PARAMETERS_H_

#include <string>

#include "absl/status/statusor.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// The defaults of the kind with what is set in `parameters` in their place. INVALID_ARGUMENT:
// RECOMMENDER_KIND_INVALID (not a hosted kind), HYPER_PARAMETER_OUT_OF_RANGE.
absl::StatusOr<RecommenderOptions> ToOptions(v1::Recommender::Kind kind,
                                             const v1::HyperParameters& parameters);

// Every field set that the kind reads.
v1::HyperParameters ToMessage(const RecommenderOptions& options);
v1::Recommender::Kind ToMessage(RecommenderKind kind);

// How what is asked for differs from what made `made`: "epoch_count is 5, asked for 60; ...", empty
// where it does not. The name is not compared, nor what was measured; data only where both know
// their fingerprint.
std::string Differences(const v1::Recommender& made, const v1::TrainRecommenderRequest& asked);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_MODELS_HYPER_PARAMETERS_H_
