#include "clients/cli/reproduce/estimate.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

constexpr double kPercent = 100;

std::string Number(double value, const Format& format) {
  if (!format.percent && format.decimals == 0) return FormatCount(std::llround(value));
  return FormatFixed(format.percent ? value * kPercent : value, format.decimals);
}

}  // namespace

Estimate Summarise(const std::vector<double>& values) {
  Estimate estimate;
  estimate.count = static_cast<int>(values.size());
  if (values.empty()) return estimate;
  for (const double value : values) estimate.mean += value / estimate.count;
  if (values.size() == 1) return estimate;
  double squares = 0;
  for (const double value : values) squares += (value - estimate.mean) * (value - estimate.mean);
  estimate.spread = std::sqrt(squares / (estimate.count - 1));
  return estimate;
}

std::string FormatValue(double value, const Format& format) {
  return absl::StrCat(Number(value, format), format.percent ? " %" : "");
}

std::string FormatEstimate(const Estimate& estimate, const Format& format) {
  if (estimate.count == 0) return "";
  if (estimate.count == 1) return FormatValue(estimate.mean, format);
  return absl::StrCat(Number(estimate.mean, format), " ± ", Number(estimate.spread, format),
                      format.percent ? " %" : "");
}

}  // namespace recsae::cli
