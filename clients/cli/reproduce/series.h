// Cells that differ in their seed alone, and what is read from them.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_SERIES_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_SERIES_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace recsae::cli {

using Cells = std::vector<nlohmann::ordered_json>;

struct Series {
  std::string dataset;
  std::string recommender;
  std::string method;
  std::vector<const nlohmann::ordered_json*> cells;  // by seed, as they were given

  // Why the servers refused to measure it; empty where they did not.
  std::string Refusal() const;
};

// In the paper's order; what the paper does not have follows. The cells must outlive the series.
std::vector<Series> MakeSeries(const Cells& cells);

// A number of a cell; nothing where it was not measured.
using Measure = std::function<std::optional<double>(const nlohmann::ordered_json& cell)>;

// By JSON pointer.
Measure At(const std::string& pointer);
// How well the cell's method ranks: the recommender by itself, an SAE by its reconstructions.
Measure Ranking(const std::string& metric);
// The share of the recommender's own ranking that an SAE's reconstructions keep.
Measure Kept(const std::string& metric);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_SERIES_H_
