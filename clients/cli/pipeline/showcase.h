// The end of the pipeline: what explaining and steering look like for a few users.
#ifndef RECSAE_CLIENTS_CLI_PIPELINE_SHOWCASE_H_
#define RECSAE_CLIENTS_CLI_PIPELINE_SHOWCASE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "clients/cli/session/session.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

// `count` different rows spread over `rows`.
std::vector<int64_t> SpreadRows(int64_t rows, int count);

// Concepts to steer a user towards, the best first, at most `count`: not active in the user's
// explanation, of another meaning than those that are, verified, ordered by how
// much the activation varies, since that is the unit of steering. Where there is none, the
// first (surest) of `concepts` that fulfils as many of the conditions as can be, the first
// conditions before the last.
std::vector<concept_store::v1::Concept> ChooseSteering(
    const std::vector<concept_store::v1::Concept>& concepts,
    const explainer::v1::Explanation& explanation, size_t count);

// Explains the recommendations of `users` users of the capture and steers those of the first.
absl::Status Showcase(Session& session, const std::string& sae, const std::string& capture,
                      int users);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_PIPELINE_SHOWCASE_H_
