// Tables of a reproduction as Markdown.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_MARKDOWN_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_MARKDOWN_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/strings/string_view.h"
#include "clients/cli/reproduce/result_table.h"

namespace recsae::cli {

// Text as one cell of a table: nothing in it is markup.
std::string EscapeMarkdown(absl::string_view text);

// A heading, the caption and the table; columns with the paper's figures follow the measured ones.
std::string MarkdownTable(const ResultTable& table);

// Table 5: a table of concepts for each trained SAE of the cells (its first seed); empty without.
std::string MarkdownConcepts(const Cells& cells);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_MARKDOWN_H_
