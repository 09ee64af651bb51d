// Which charts show the tables of a reproduction.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_PAGE_CHARTS_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_PAGE_CHARTS_H_

#include <string>

#include "clients/cli/reproduce/result_table.h"

namespace recsae::cli {

// Figures (HTML) that show the table, with their legend; empty for tables that speak for
// themselves.
std::string DrawCharts(const ResultTable& table);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_PAGE_CHARTS_H_
