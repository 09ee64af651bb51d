#include "clients/cli/reproduce/table_columns.h"

#include <utility>

namespace recsae::cli {

using nlohmann::ordered_json;

ResultTable Assemble(ResultTable table, const std::vector<SeriesColumn>& columns,
                     const std::vector<SeriesLine>& lines) {
  for (const SeriesColumn& column : columns) table.metrics.push_back(column.metric);
  for (const SeriesLine& line : lines) {
    ResultRow row;
    row.labels = line.labels;
    row.refused = line.series.Refusal();
    for (const SeriesColumn& column : columns) {
      std::vector<double> values;
      for (const ordered_json* cell : line.series.cells) {
        if (const auto value = column.measure(*cell)) values.push_back(*value);
      }
      if (values.empty()) continue;
      row.values[column.metric.id] = {Summarise(values), column.paper(line.series)};
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace recsae::cli
