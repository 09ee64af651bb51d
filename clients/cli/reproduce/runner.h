// Measures the cells of a reproduction that are not there yet.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_RUNNER_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_RUNNER_H_

#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/study.h"
#include "clients/cli/session/session.h"

namespace recsae::cli {

// Seconds that `cells` will take, by those measured already: the mean of the same recommender and
// method, else of the same method, else of all. Nothing where none was measured.
std::optional<double> EstimateSeconds(const CellStore& store, const std::vector<CellId>& cells);

// Measures, in this order, those of `cells` that are not finished, and calls `stored` after each. A
// recommender that the server refuses (unknown kind, unfit data) gets a refused cell, and its other
// cells are left out. The first error ends the run; what is finished stays.
absl::Status MeasureCells(Session& session, const ReproduceFlags& flags,
                          const std::vector<CellId>& cells, CellStore& store,
                          const std::function<absl::Status()>& stored);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_RUNNER_H_
