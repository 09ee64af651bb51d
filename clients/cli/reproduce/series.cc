#include "clients/cli/reproduce/series.h"

#include <algorithm>
#include <tuple>

#include "clients/cli/reproduce/cell.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;
using Pointer = ordered_json::json_pointer;

std::optional<double> NumberAt(const ordered_json& cell, const Pointer& at) {
  return cell.contains(at) && cell.at(at).is_number() ? std::optional<double>(cell.at(at))
                                                      : std::nullopt;
}

}  // namespace

std::string Series::Refusal() const {
  for (const ordered_json* cell : cells) {
    if (cell->contains("refused")) return cell->at("refused");
  }
  return "";
}

std::vector<Series> MakeSeries(const Cells& cells) {
  std::vector<Series> all;
  for (const ordered_json& cell : cells) {
    const std::string dataset = cell.at("dataset");
    const std::string recommender = cell.at("recommender");
    const std::string method = cell.at("method");
    auto found = std::find_if(all.begin(), all.end(), [&](const Series& series) {
      return std::tie(series.dataset, series.recommender, series.method) ==
             std::tie(dataset, recommender, method);
    });
    if (found == all.end()) found = all.insert(all.end(), {dataset, recommender, method, {}});
    found->cells.push_back(&cell);
  }
  const auto rank = [](const std::vector<std::string>& order, const std::string& name) {
    return std::find(order.begin(), order.end(), name) - order.begin();
  };
  const std::vector<std::string> recommenders = {
      "ecf",     "ecf-3", "distillemb",    "bprmf",    "lightgcn",          "sasrec",
      "timirec", "gpt",   "gpt-untrained", "bert4rec", "bert4rec-untrained"};
  const std::vector<std::string> methods = {kRecommenderMethod, kRawMethod,       kRandomMethod,
                                            kTrainedMethod,     kPublishedMethod, kBlockMethod};
  const auto key = [&](const Series& series) {
    return std::tuple(series.dataset, rank(recommenders, series.recommender),
                      rank(methods, series.method));
  };
  std::stable_sort(all.begin(), all.end(),
                   [&](const Series& a, const Series& b) { return key(a) < key(b); });
  return all;
}

Measure At(const std::string& pointer) {
  return [at = Pointer(pointer)](const ordered_json& cell) { return NumberAt(cell, at); };
}

Measure Ranking(const std::string& metric) {
  return [itself = Pointer("/metrics/" + metric),
          sae = Pointer("/reconstructed/" + metric)](const ordered_json& cell) {
    return NumberAt(cell, cell.contains(sae) ? sae : itself);
  };
}

Measure Kept(const std::string& metric) {
  return [after = Pointer("/reconstructed/" + metric),
          before = Pointer("/original/" + metric)](const ordered_json& cell) {
    const auto above = NumberAt(cell, after);
    const auto below = NumberAt(cell, before);
    return above && below && *below > 0 ? std::optional<double>(*above / *below) : std::nullopt;
  };
}

}  // namespace recsae::cli
