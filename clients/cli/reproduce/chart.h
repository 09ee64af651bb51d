// Charts as inline SVG: bars with their spread, and lines over a swept value. Colours are the
// classes "c1" to "c4" (and "muted") of the page's style, so that they follow light and dark.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_CHART_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_CHART_H_

#include <optional>
#include <string>
#include <vector>

#include "clients/cli/reproduce/result_table.h"

namespace recsae::cli {

struct ChartBar {
  std::string label;
  // "c1".
  std::string color;
  Value value;
};

struct BarGroup {
  std::string title;
  std::vector<ChartBar> bars;
};

struct BarChart {
  std::string title;
  // For who cannot see it.
  std::string description;
  Format format;
  std::vector<BarGroup> groups;
};

// Horizontal bars from 0, one below the other, each with its value, a whisker of one standard
// deviation to both sides where there are several seeds, and a diamond at the paper's figure.
std::string DrawBars(const BarChart& chart);

struct Point {
  double x = 0;
  double y = 0;
  // Written beside it where it is not empty.
  std::string label;
};

struct Line {
  // Written at its end; empty where the title says it.
  std::string name;
  std::string color;
  std::vector<Point> points;
};

struct LineChart {
  std::string title;
  std::string description;
  std::string x_title;
  Format x_format;
  Format y_format;
  // Points stand at these values of x, equally far apart; empty: x is a quantity with a scale.
  std::vector<double> x_values;
  std::vector<Line> lines;
  // A level to compare with: drawn dashed.
  std::optional<double> reference;
  std::string reference_name;
  bool from_zero = false;
};

std::string DrawLines(const LineChart& chart);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_CHART_H_
