#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/reproduce/chart.h"
#include "clients/cli/reproduce/html.h"
#include "clients/cli/reproduce/scale.h"
#include "clients/cli/text.h"

namespace recsae::cli {
namespace {

constexpr double kWidth = 420;
constexpr double kHeight = 250;
constexpr double kLeft = 52;
constexpr double kTop = 12;
constexpr double kBottom = 44;
// Room for the lines' names.
constexpr double kNames = 96;
constexpr double kNameDistance = 16;
constexpr double kTextDrop = 4.5;
constexpr double kRadius = 4;
constexpr int kTicks = 5;
// Of a letter, generously, and of a line.
constexpr double kLetter = 7.2;
constexpr double kLineHeight = 14;

struct Box {
  double left, top, right, bottom;
};

bool Overlap(const Box& a, const Box& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

struct Axes {
  Scale x;
  Scale y;
  std::vector<double> x_ticks;
  std::vector<double> y_ticks;
  double right = 0;
};

template <typename Get>
std::pair<double, double> Range(const LineChart& chart, Get get) {
  bool any = false;
  std::pair<double, double> range = {0, 1};
  for (const Line& line : chart.lines) {
    for (const Point& point : line.points) {
      const double value = get(point);
      range = any ? std::pair(std::min(range.first, value), std::max(range.second, value))
                  : std::pair(value, value);
      any = true;
    }
  }
  return range;
}

Axes MakeAxes(const LineChart& chart) {
  Axes axes;
  axes.right = kWidth - kNames;
  auto [low, high] = Range(chart, [](const Point& point) { return point.y; });
  if (chart.reference) {
    low = std::min(low, *chart.reference);
    high = std::max(high, *chart.reference);
  }
  if (chart.from_zero) low = 0;
  axes.y_ticks = RoundTicks(low, high, kTicks);
  axes.y = {axes.y_ticks.front(), axes.y_ticks.back(), kHeight - kBottom, kTop};
  if (chart.x_values.empty()) {
    const auto [left, right] = Range(chart, [](const Point& point) { return point.x; });
    axes.x_ticks = RoundTicks(left, right, kTicks);
    axes.x = {axes.x_ticks.front(), axes.x_ticks.back(), kLeft, axes.right - 8};
  }
  return axes;
}

double XOf(const LineChart& chart, const Axes& axes, double value) {
  if (chart.x_values.empty()) return axes.x(value);
  const auto at = std::find(chart.x_values.begin(), chart.x_values.end(), value);
  const auto index = static_cast<double>(at - chart.x_values.begin());
  const double step = (axes.right - kLeft) / static_cast<double>(chart.x_values.size());
  return kLeft + step * (index + 0.5);
}

std::string TickLabel(double value, const std::vector<double>& ticks, const Format& format) {
  if (!format.percent) return FormatFixed(value, TickDecimals(ticks));
  std::vector<double> percents;
  for (const double tick : ticks) percents.push_back(tick * 100);
  return absl::StrCat(FormatFixed(value * 100, TickDecimals(percents)), " %");
}

std::string DrawAxes(const LineChart& chart, const Axes& axes) {
  std::string svg;
  for (const double tick : axes.y_ticks) {
    const double y = axes.y(tick);
    absl::StrAppend(&svg, "<path class=\"grid\" d=\"M", kLeft, " ", Coordinate(y), "H",
                    Coordinate(axes.right), "\"/><text class=\"tick\" text-anchor=\"end\" x=\"",
                    kLeft - 7, "\" y=\"", Coordinate(y + kTextDrop), "\">",
                    TickLabel(tick, axes.y_ticks, chart.y_format), "</text>");
  }
  const std::vector<double>& ticks = chart.x_values.empty() ? axes.x_ticks : chart.x_values;
  for (const double tick : ticks) {
    const std::string label =
        chart.x_values.empty() ? TickLabel(tick, ticks, chart.x_format) : FormatNumber(tick);
    absl::StrAppend(&svg, "<text class=\"tick\" text-anchor=\"middle\" x=\"",
                    Coordinate(XOf(chart, axes, tick)), "\" y=\"", kHeight - kBottom + 18, "\">",
                    label, "</text>");
  }
  absl::StrAppend(&svg, "<text class=\"tick\" text-anchor=\"middle\" x=\"",
                  Coordinate((kLeft + axes.right) / 2), "\" y=\"", kHeight - 6, "\">",
                  EscapeHtml(chart.x_title), "</text>");
  return svg;
}

std::string DrawReference(const LineChart& chart, const Axes& axes) {
  if (!chart.reference) return "";
  return absl::StrCat("<path class=\"reference\" d=\"M", kLeft, " ",
                      Coordinate(axes.y(*chart.reference)), "H", Coordinate(axes.right), "\"/>");
}

std::string DrawLine(const LineChart& chart, const Axes& axes, const Line& line) {
  std::string path;
  std::string dots;
  for (const Point& point : line.points) {
    const std::string x = Coordinate(XOf(chart, axes, point.x));
    const std::string y = Coordinate(axes.y(point.y));
    absl::StrAppend(&path, path.empty() ? "M" : "L", x, " ", y);
    absl::StrAppend(&dots, "<circle class=\"", line.color, "\" cx=\"", x, "\" cy=\"", y, "\" r=\"",
                    kRadius, "\"><title>",
                    EscapeHtml(absl::StrCat(
                        line.name, ", ", point.label.empty() ? FormatNumber(point.x) : point.label,
                        ": ", FormatValue(point.y, chart.y_format))),
                    "</title></circle>");
  }
  return absl::StrCat("<path class=\"line ", line.color, "\" d=\"", path, "\"/>", dots);
}

// The names at the right end, at the height of the last point or as near as there is room.
std::string DrawNames(const LineChart& chart, const Axes& axes) {
  std::vector<std::pair<std::string, std::string>> names;
  std::vector<double> heights;
  for (const Line& line : chart.lines) {
    if (line.points.empty()) continue;
    names.emplace_back(line.name, line.color);
    heights.push_back(axes.y(line.points.back().y));
  }
  if (chart.reference) {
    names.emplace_back(chart.reference_name, "muted");
    heights.push_back(axes.y(*chart.reference));
  }
  heights = SpreadApart(heights, kNameDistance, kTop + 4, kHeight - kBottom);
  std::string svg;
  for (size_t i = 0; i < names.size(); ++i) {
    absl::StrAppend(&svg, "<text class=\"name ", names[i].second, "\" x=\"",
                    Coordinate(axes.right + 6), "\" y=\"", Coordinate(heights[i] + kTextDrop),
                    "\">", EscapeHtml(names[i].first), "</text>");
  }
  return svg;
}

// Labels of points: above, below, right or left of theirs, wherever nothing else stands.
std::string DrawPointLabels(const LineChart& chart, const Axes& axes) {
  std::vector<Box> taken;
  for (const Line& line : chart.lines) {
    for (const Point& point : line.points) {
      const double x = XOf(chart, axes, point.x);
      const double y = axes.y(point.y);
      taken.push_back({x - kRadius, y - kRadius, x + kRadius, y + kRadius});
    }
  }
  std::string svg;
  for (const Line& line : chart.lines) {
    for (const Point& point : line.points) {
      if (point.label.empty()) continue;
      const double x = XOf(chart, axes, point.x);
      const double y = axes.y(point.y);
      const double half = kLetter * DisplayWidth(point.label) / 2;
      const std::array<std::pair<double, double>, 4> places = {
          {{x, y - 14}, {x, y + 14}, {x + half + 8, y}, {x - half - 8, y}}};
      for (const auto& [at_x, at_y] : places) {
        const Box box = {at_x - half, at_y - kLineHeight / 2, at_x + half, at_y + kLineHeight / 2};
        if (box.left < kLeft || box.right > axes.right + 4 || box.top < 0 ||
            box.bottom > kHeight - kBottom ||
            std::any_of(taken.begin(), taken.end(),
                        [&](const Box& other) { return Overlap(box, other); })) {
          continue;
        }
        taken.push_back(box);
        absl::StrAppend(&svg, "<text class=\"point\" text-anchor=\"middle\" x=\"", Coordinate(at_x),
                        "\" y=\"", Coordinate(at_y + kTextDrop), "\">", EscapeHtml(point.label),
                        "</text>");
        break;
      }
    }
  }
  return svg;
}

}  // namespace

std::string DrawLines(const LineChart& chart) {
  const Axes axes = MakeAxes(chart);
  std::string svg = absl::StrCat("<svg class=\"chart\" role=\"img\" viewBox=\"0 0 ", kWidth, " ",
                                 kHeight, "\"><title>", EscapeHtml(chart.title), "</title><desc>",
                                 EscapeHtml(chart.description), "</desc>", DrawAxes(chart, axes),
                                 DrawReference(chart, axes));
  for (const Line& line : chart.lines) absl::StrAppend(&svg, DrawLine(chart, axes, line));
  return absl::StrCat(svg, DrawPointLabels(chart, axes), DrawNames(chart, axes), "</svg>");
}

}  // namespace recsae::cli
