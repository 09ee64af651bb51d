// A language model that describes and judges concepts as in the paper, beside the statistical
// judge.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_LANGUAGE_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_LANGUAGE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/study.h"
#include "clients/cli/session/session.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

// What building concepts asks of it: a description of its own, and levels from 0 to 10 as in the
// paper.
explainer::v1::LanguageModelOptions LanguageOptions(const ReproduceFlags& flags);

// FAILED_PRECONDITION (NO_LANGUAGE_MODEL) where the explainer has none. Starts nothing.
absl::Status CheckLanguageModel(Session& session);

// Calls that building the concepts of so many latents makes at most, by the protocol and by
// --llm-calls.
int64_t CallsOf(int64_t latents, const ReproduceFlags& flags);

// How many calls `cells` make at most, as a sentence; "" where none of them builds concepts.
std::string AnnounceCalls(const std::vector<CellId>& cells, const ReproduceFlags& flags);

// FAILED_PRECONDITION (SETTINGS_DIFFER) where a cell was judged by another model or other prompts
// than `measured` was.
absl::Status CheckSameModel(const std::vector<nlohmann::ordered_json>& cells,
                            const nlohmann::ordered_json& measured);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_LANGUAGE_H_
