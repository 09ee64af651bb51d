// The page of a reproduction: one HTML file with everything in it, for people to look at.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_PAGE_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_PAGE_H_

#include <string>

#include "clients/cli/reproduce/result_table.h"

namespace recsae::cli {

// Styles, charts and scripts are inside; it refers to nothing outside. A section for each table and
// figure that the cells suffice for, with the command that measures it.
std::string MakePage(const Cells& cells, const std::string& settings);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_PAGE_H_
