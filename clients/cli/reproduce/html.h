// Pieces of HTML and SVG.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_HTML_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_HTML_H_

#include <string>

#include "absl/strings/string_view.h"

namespace recsae::cli {

// Text as content or inside a quoted attribute: nothing in it is markup, nothing in it is a control
// character or broken UTF-8.
std::string EscapeHtml(absl::string_view text);

// A coordinate: at most two decimals, without needless zeros.
std::string Coordinate(double value);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_HTML_H_
