// What the services measured, as the JSON of a cell.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_MEASUREMENT_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_MEASUREMENT_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

// Items by id.
using Items = std::map<std::string, probe::v1::Item>;

// {"kind", "activation_dim", "metrics": {"hr@10", ...} (test), "train_seconds"}.
nlohmann::ordered_json RecommenderJson(const probe::v1::Recommender& recommender);

// {"original", "reconstructed": {"hr@10", ...}, "fvu", "l0", "rbo", "mse", "sae", "concepts",
// "similarity", "attributes"}. `variance`: mean |x - mean|^2 of the test activations; fvu times it,
// by value of an activation, is the MSE.
nlohmann::ordered_json SaeJson(const concept_store::v1::Sae& sae,
                               const explainer::v1::Evaluation& evaluation,
                               const explainer::v1::ConceptReport& concepts, double variance);

// By both judges of the paper's protocol: adds "precision" and "recall", means over concepts, to
// "paper" and "language_model" / "paper" of what SaeJson says of `concepts`.
void AddPrecision(const std::vector<concept_store::v1::Concept>& concepts,
                  nlohmann::ordered_json& json);

// The concepts themselves, surest first: [{"latent", "description", "correlation", "verified",
// "paper_confidence" (absent where the latent fires too rarely), "rows", "terms", "items": [{"id",
// "title", "activation"}, ...]}], no item twice. Where a language model judged, "description" is
// the statistical one in any case, and "language_model" holds "own" (its description) and
// "statistical" with {"text", "score", "precision", "recall"} as far as there are any.
nlohmann::ordered_json ExamplesJson(const std::vector<concept_store::v1::Concept>& concepts,
                                    const Items& items);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_MEASUREMENT_H_
