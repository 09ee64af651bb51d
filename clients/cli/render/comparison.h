// An SAE's dictionary beside untrained ones, for people and in reports.
#ifndef RECSAE_CLIENTS_CLI_RENDER_COMPARISON_H_
#define RECSAE_CLIENTS_CLI_RENDER_COMPARISON_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "clients/cli/session/console.h"
#include "clients/cli/text/table.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

// A column for each dictionary: described R2, breadth, FVU. Empty without a comparison.
Table DictionaryTable(const explainer::v1::Evaluation& evaluation);

// Whether the SAE beats its controls, a line for each that it does not; or why nothing was
// compared.
std::vector<std::string> VerdictLines(const explainer::v1::Evaluation& evaluation);

// The `count` attributes that a single latent tells best, on users who had no part in the choice.
Table AttributeFitTable(const explainer::v1::Evaluation& evaluation, int count);

// The first two of these.
void PrintComparison(Console& console, const explainer::v1::Evaluation& evaluation);

// Adds "described_r2", "described_r2_random_items", "breadth", "verdicts" and "comparison" to a
// report; of these only "comparison" where nothing was compared, and nothing at all for an
// evaluation by a server that does not compare.
void AddComparison(const explainer::v1::Evaluation& evaluation, nlohmann::ordered_json& json);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_COMPARISON_H_
