// What an SAE's latents are like: how often they fire, whether they split and absorb attributes,
// whether other trainings find them again. For people and in reports.
#ifndef RECSAE_CLIENTS_CLI_RENDER_LATENTS_H_
#define RECSAE_CLIENTS_CLI_RENDER_LATENTS_H_

#include <nlohmann/json_fwd.hpp>

#include "clients/cli/text/table.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

// A line each: dead and dense latents, each reference SAE. Empty for an evaluation by a server that
// does not count them.
Table LatentTable(const explainer::v1::Evaluation& evaluation);

// The `count` attributes that are split into most latents, of as many those missed most: where
// splitting and absorption are. Empty where nothing was measured.
Table SplitTable(const explainer::v1::Evaluation& evaluation, int count);

// "latent_use" and "stability" of a report, each where it was measured.
void AddLatents(const explainer::v1::Evaluation& evaluation, nlohmann::ordered_json& json);

// As part of a dictionary in a report.
nlohmann::ordered_json SplittingJson(const explainer::v1::Splitting& splitting);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_LATENTS_H_
