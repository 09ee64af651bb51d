#include "clients/cli/reproduce/html.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {

std::string EscapeHtml(absl::string_view text) {
  std::string escaped;
  for (const char c : Clean(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string Coordinate(double value) {
  constexpr double kHundredth = 100;
  // Adding 0 turns -0 into 0.
  return absl::StrCat(std::round(value * kHundredth) / kHundredth + 0.0);
}

}  // namespace recsae::cli
