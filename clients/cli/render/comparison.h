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

// A column for each dictionary: described R2, breadth, FVU, splitting and absorption; "–" where it
// was not measured. Empty without a comparison.
Table DictionaryTable(const explainer::v1::Evaluation& evaluation);

// Whether the SAE beats its controls, a line for each that it does not, also where it is ahead by
// less than the 5 % that count; or why nothing was compared.
std::vector<std::string> VerdictLines(const explainer::v1::Evaluation& evaluation);

// The `count` attributes that a single latent tells best, on users who had no part in the choice.
Table AttributeFitTable(const explainer::v1::Evaluation& evaluation, int count);

// The `count` attributes of the item read last that a single latent tells best. Empty where none
// was measured.
Table LastReadTable(const explainer::v1::Evaluation& evaluation, int count);

// The first two of these, and what the latents are like (LatentTable).
void PrintComparison(Console& console, const explainer::v1::Evaluation& evaluation);

// Adds "latent_use" and "stability" (AddLatents), "described_r2", "described_r2_random_items",
// "breadth", "splitting", "last_read", "verdicts" and "comparison" to a report; of those after
// stability only "comparison" where nothing was compared, and none for an evaluation by a server
// that does not compare.
void AddComparison(const explainer::v1::Evaluation& evaluation, nlohmann::ordered_json& json);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_COMPARISON_H_
