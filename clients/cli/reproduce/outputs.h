// What a reproduction writes beside its cells: results.json, Markdown tables and the page.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_OUTPUTS_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_OUTPUTS_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/status.h"
#include "clients/cli/reproduce/cell.h"

namespace recsae::cli {

// {"version", "settings", "tables": [...], "cells": [...]}, the cells without their examples.
nlohmann::ordered_json ResultsJson(const CellStore& store);

// Writes whatever the cells suffice for: OUT/results.json, OUT/{study}.md, OUT/index.html. INTERNAL
// (FILE_NOT_WRITABLE).
absl::Status WriteOutputs(const CellStore& store, const std::string& out);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_OUTPUTS_H_
