// The tables of a reproduction, made of its cells: one form for Markdown, JSON, HTML and charts.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_RESULT_TABLE_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_RESULT_TABLE_H_

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "clients/cli/reproduce/estimate.h"
#include "clients/cli/reproduce/series.h"

namespace recsae::cli {

struct Value {
  Estimate measured;
  std::optional<double> paper;
};

struct Metric {
  std::string id;
  std::string title;
  Format format;
};

struct ResultRow {
  // One for each of ResultTable::labels.
  std::vector<std::string> labels;
  // By metric; what was not measured is absent.
  std::map<std::string, Value> values;
  // Said in place of values: why there are none.
  std::string refused;
};

struct ResultTable {
  // "table3-reconstruction"; `study`: the subcommand that measures it.
  std::string id;
  std::string study;
  std::string title;
  // What is measured, a few sentences.
  std::string caption;
  std::vector<std::string> labels;
  std::vector<Metric> metrics = {};
  std::vector<ResultRow> rows = {};
  // Said below it.
  std::vector<std::string> notes = {};

  // Null where it is not there.
  const Value* Find(const ResultRow& row, const std::string& metric) const;
  // Whether the paper has a figure of it for any row: then it gets a column.
  bool HasPaper(const std::string& metric) const;
};

// Those tables of which the cells measure something, in the paper's order.
std::vector<ResultTable> MakeTables(const Cells& cells);

// What the method of a cell is called in tables: "trained SAE".
std::string MethodTitle(const std::string& method);

// "BPRMF", "ECF, 3 members".
std::string RecommenderTitle(const std::string& recommender);

// {"id", "title", "rows": [{labels..., metric: {"mean", "spread", "seeds", "paper"}}], "notes"
// (where there are any)}.
nlohmann::ordered_json TableJson(const ResultTable& table);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_RESULT_TABLE_H_
