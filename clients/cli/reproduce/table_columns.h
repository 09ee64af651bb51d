// How tables are put together from series of cells.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_TABLE_COLUMNS_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_TABLE_COLUMNS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "clients/cli/reproduce/result_table.h"
#include "clients/cli/reproduce/series.h"

namespace recsae::cli {

inline constexpr Format kShare = {4, false};
inline constexpr Format kCount = {0, false};
inline constexpr Format kPercent = {1, true};

// What a paper reports of a series; nothing where it does not.
using PaperFigure = std::function<std::optional<double>(const Series&)>;

struct SeriesColumn {
  Metric metric;
  Measure measure;
  PaperFigure paper = [](const Series&) { return std::nullopt; };
};

struct SeriesLine {
  std::vector<std::string> labels;
  Series series;
};

// `table` with a row for each line.
ResultTable Assemble(ResultTable table, const std::vector<SeriesColumn>& columns,
                     const std::vector<SeriesLine>& lines);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_TABLE_COLUMNS_H_
