#include <algorithm>

#include "absl/strings/str_cat.h"
#include "clients/cli/reproduce/chart.h"
#include "clients/cli/reproduce/html.h"
#include "clients/cli/reproduce/scale.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

constexpr double kWidth = 440;
constexpr double kLabels = 126;
// Room for the value behind a bar.
constexpr double kValues = 112;
constexpr double kBar = 16;
constexpr double kStep = 23;
constexpr double kGroupTitle = 26;
constexpr double kGroupGap = 10;

constexpr double kDiamond = 4.5;
constexpr double kTextDrop = 4.5;

double TitleHeight(const BarGroup& group) { return group.title.empty() ? 0 : kGroupTitle; }

double Height(const BarChart& chart) {
  double height = 4;
  for (const BarGroup& group : chart.groups) {
    height += TitleHeight(group) + kStep * static_cast<double>(group.bars.size()) + kGroupGap;
  }
  return height - kGroupGap;
}

// The largest thing drawn.
double Largest(const BarChart& chart) {
  double largest = 0;
  for (const BarGroup& group : chart.groups) {
    for (const ChartBar& bar : group.bars) {
      const Estimate& measured = bar.value.measured;
      largest = std::max({largest, measured.mean + measured.spread, bar.value.paper.value_or(0)});
    }
  }
  return largest;
}

std::string Whisker(const Estimate& measured, const Scale& x, double middle) {
  const double left = x(std::max(0.0, measured.mean - measured.spread));
  const double right = x(measured.mean + measured.spread);
  return absl::StrCat("<path class=\"whisker\" d=\"M", Coordinate(left), " ", Coordinate(middle),
                      "H", Coordinate(right), "M", Coordinate(left), " ", Coordinate(middle - 4),
                      "v8M", Coordinate(right), " ", Coordinate(middle - 4), "v8\"/>");
}

std::string Diamond(double x, double y) {
  return absl::StrCat("<path class=\"paper\" d=\"M", Coordinate(x), " ", Coordinate(y - kDiamond),
                      "l", kDiamond, " ", kDiamond, "l-", kDiamond, " ", kDiamond, "l-", kDiamond,
                      " -", kDiamond, "z\"/>");
}

std::string DrawBar(const ChartBar& bar, const Format& format, const Scale& x, double top) {
  const Estimate& measured = bar.value.measured;
  const double middle = top + kBar / 2;
  double end = x(measured.mean);
  std::string svg = absl::StrCat(
      "<text class=\"label\" text-anchor=\"end\" x=\"", kLabels - 8, "\" y=\"",
      Coordinate(middle + kTextDrop), "\">", EscapeHtml(bar.label), "</text>", "<rect class=\"",
      bar.color, "\" x=\"", kLabels, "\" y=\"", Coordinate(top), "\" width=\"",
      Coordinate(std::max(1.0, end - kLabels)), "\" height=\"", kBar, "\" rx=\"2\"/>");
  if (measured.count > 1) {
    absl::StrAppend(&svg, Whisker(measured, x, middle));
    end = std::max(end, x(measured.mean + measured.spread));
  }
  if (bar.value.paper) {
    const double at = x(*bar.value.paper);
    absl::StrAppend(&svg, Diamond(at, middle));
    // A diamond beside the bar's end would stand in the value.
    if (at + kDiamond > end) end = at + kDiamond;
  }
  absl::StrAppend(&svg, "<text class=\"value\" x=\"", Coordinate(end + 7), "\" y=\"",
                  Coordinate(middle + kTextDrop), "\">",
                  EscapeHtml(FormatEstimate(measured, format)), "</text>");
  return svg;
}

}  // namespace

std::string DrawBars(const BarChart& chart) {
  const double height = Height(chart);
  const double largest = Largest(chart);
  const Scale x = {0, largest > 0 ? largest : 1, kLabels, kWidth - kValues};
  std::string svg = absl::StrCat("<svg class=\"chart\" role=\"img\" viewBox=\"0 0 ", kWidth, " ",
                                 Coordinate(height), "\"><title>", EscapeHtml(chart.title),
                                 "</title><desc>", EscapeHtml(chart.description), "</desc>");
  double top = 4;
  for (const BarGroup& group : chart.groups) {
    absl::StrAppend(&svg, "<text class=\"group\" x=\"0\" y=\"", Coordinate(top + 14), "\">",
                    EscapeHtml(group.title), "</text>");
    top += TitleHeight(group);
    absl::StrAppend(&svg, "<path class=\"axis\" d=\"M", kLabels, " ", Coordinate(top - 3), "v",
                    Coordinate(kStep * static_cast<double>(group.bars.size())), "\"/>");
    for (const ChartBar& bar : group.bars) {
      absl::StrAppend(&svg, DrawBar(bar, chart.format, x, top));
      top += kStep;
    }
    top += kGroupGap;
  }
  return svg + "</svg>";
}

}  // namespace recsae::cli
