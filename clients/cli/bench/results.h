// The outcome of a study as a table and as JSON.
#ifndef RECSAE_CLIENTS_CLI_BENCH_RESULTS_H_
#define RECSAE_CLIENTS_CLI_BENCH_RESULTS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clients/cli/bench/study.h"
#include "clients/cli/text/table.h"

namespace recsae::cli::bench {

// A line for each dictionary and reading: means over the seeds, "± " the standard deviation (n − 1)
// where there are several.
Table ResultsTable(const std::vector<Outcome>& outcomes);

// Everything, seed by seed, with the settings.
nlohmann::ordered_json ResultsJson(const WorldSpec& spec, const StudySettings& settings,
                                   const std::vector<Outcome>& outcomes);

// One line about what was just measured.
std::string Summary(const Outcome& outcome);

}  // namespace recsae::cli::bench

#endif  // RECSAE_CLIENTS_CLI_BENCH_RESULTS_H_
