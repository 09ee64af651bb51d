#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/reproduce/chart.h"
#include "clients/cli/reproduce/html.h"
#include "clients/cli/reproduce/scale.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

constexpr double kWidth = 420;
constexpr double kHeight = 250;
constexpr double kLeft = 52;
constexpr double kTop = 12;
constexpr double kBottom = 44;
// Room for the lines' names.
constexpr double kNames = 96;
constexpr double kMargin = 24;
constexpr double kNameDistance = 16;
constexpr double kTextDrop = 4.5;
constexpr double kRadius = 4;
constexpr int kTicks = 5;
// Of a letter, generously, and of a line.
constexpr double kLetter = 7.2;
constexpr double kLineHeight = 14;
// Of a line, as an obstacle.
constexpr double kPiece = 5;

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
  const bool named =
      chart.reference || std::any_of(chart.lines.begin(), chart.lines.end(),
                                     [](const Line& line) { return !line.name.empty(); });
  axes.right = kWidth - (named ? kNames : kMargin);
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
  if (!format.percent) return FormatValue(value, {TickDecimals(ticks), false});
  std::vector<double> percents;
  percents.reserve(ticks.size());
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
    absl::StrAppend(
        &dots, "<circle class=\"", line.color, "\" cx=\"", x, "\" cy=\"", y, "\" r=\"", kRadius,
        "\"><title>",
        EscapeHtml(absl::StrCat(line.name, line.name.empty() ? "" : ", ",
                                point.label.empty() ? FormatNumber(point.x) : point.label, ": ",
                                FormatValue(point.y, chart.y_format))),
        "</title></circle>");
  }
  return absl::StrCat("<path class=\"line ", line.color, "\" d=\"", path, "\"/>", dots);
}

// The names at the right end, at the height of the last point or as near as there is room.
std::string DrawNames(const LineChart& chart, const Axes& axes) {
  std::vector<std::pair<std::string, std::string>> names;
  std::vector<double> heights;
  for (const Line& line : chart.lines) {
    if (line.points.empty() || line.name.empty()) continue;
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

// What labels should leave free: points and, piece by piece, the lines between them.
std::vector<Box> Obstacles(const LineChart& chart, const Axes& axes) {
  std::vector<Box> taken;
  const auto take = [&](double x, double y, double radius) {
    taken.push_back({x - radius, y - radius, x + radius, y + radius});
  };
  for (const Line& line : chart.lines) {
    for (size_t i = 0; i < line.points.size(); ++i) {
      const double x = XOf(chart, axes, line.points[i].x);
      const double y = axes.y(line.points[i].y);
      take(x, y, kRadius + 1);
      if (i == 0) continue;
      const double from_x = XOf(chart, axes, line.points[i - 1].x);
      const double from_y = axes.y(line.points[i - 1].y);
      const int pieces = 1 + static_cast<int>(std::hypot(x - from_x, y - from_y) / kPiece);
      for (int piece = 1; piece < pieces; ++piece) {
        const double share = static_cast<double>(piece) / pieces;
        take(from_x + share * (x - from_x), from_y + share * (y - from_y), 1);
      }
    }
  }
  return taken;
}

// The place for a label near (x, y) where the fewest obstacles are, the nearest of those.
Box PlaceLabel(const Axes& axes, const std::vector<Box>& taken, double x, double y, double half) {
  Box best{};
  int64_t fewest = -1;
  for (const double far : {1.0, 1.6, 2.4}) {
    for (const auto& [side, rise] : std::array<std::pair<double, double>, 8>{
             {{0, -1}, {0, 1}, {1, 0}, {-1, 0}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}}}) {
      const double at_x = x + side * (half + 8 * far);
      const double at_y = y + rise * 13 * far;
      const Box box = {at_x - half, at_y - kLineHeight / 2, at_x + half, at_y + kLineHeight / 2};
      if (box.left < kLeft - 8 || box.right > axes.right + 20 || box.top < 0 ||
          box.bottom > kHeight - kBottom) {
        continue;
      }
      const auto hits = std::count_if(taken.begin(), taken.end(),
                                      [&](const Box& other) { return Overlap(box, other); });
      if (fewest < 0 || hits < fewest) {
        best = box;
        fewest = hits;
      }
    }
  }
  return best;
}

std::string DrawPointLabels(const LineChart& chart, const Axes& axes) {
  std::vector<Box> taken = Obstacles(chart, axes);
  std::string svg;
  for (const Line& line : chart.lines) {
    for (const Point& point : line.points) {
      if (point.label.empty()) continue;
      const double half = kLetter * DisplayWidth(point.label) / 2;
      const Box box = PlaceLabel(axes, taken, XOf(chart, axes, point.x), axes.y(point.y), half);
      taken.push_back(box);
      absl::StrAppend(&svg, "<text class=\"point\" text-anchor=\"middle\" x=\"",
                      Coordinate(box.left + half), "\" y=\"",
                      Coordinate(box.top + kLineHeight / 2 + kTextDrop), "\">",
                      EscapeHtml(point.label), "</text>");
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
