#include "clients/cli/text/span.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::cli {
namespace {

constexpr absl::Duration kLongest = absl::Hours(24 * 365 * 100);

// Zero for what is no unit.
absl::Duration Unit(char unit) {
  switch (unit) {
    case 's':
      return absl::Seconds(1);
    case 'm':
      return absl::Minutes(1);
    case 'h':
      return absl::Hours(1);
    case 'd':
      return absl::Hours(24);
    case 'w':
      return absl::Hours(7 * 24);
    default:
      return absl::ZeroDuration();
  }
}

}  // namespace

absl::StatusOr<absl::Duration> ParseSpan(absl::string_view text) {
  const absl::Duration unit = text.empty() ? absl::ZeroDuration() : Unit(text.back());
  double count = 0;
  if (unit > absl::ZeroDuration() && absl::SimpleAtod(text.substr(0, text.size() - 1), &count) &&
      count > 0 && count * unit <= kLongest) {
    return count * unit;
  }
  return Error(absl::StatusCode::kInvalidArgument, "SPAN_MALFORMED",
               absl::StrCat("'", text,
                            "' is no span of time: write a number above 0 and s, m, h, d or w, "
                            "for example '12h' or '30d'; at most 100 years"),
               {{"span", std::string(text)}});
}

}  // namespace recsae::cli
