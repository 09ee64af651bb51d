#include "clients/cli/reproduce/result_table.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/paper.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

constexpr Format kShare = {4, false};
constexpr Format kCount = {0, false};
constexpr Format kPercent = {1, true};

const std::vector<Metric>& RankingMetrics() {
  static const std::vector<Metric> metrics = {{"hr@10", "HR@10", kShare},
                                              {"ndcg@10", "NDCG@10", kShare},
                                              {"hr@20", "HR@20", kShare},
                                              {"ndcg@20", "NDCG@20", kShare}};
  return metrics;
}

// The cells that differ in their seed alone.
struct Series {
  std::string dataset;
  std::string recommender;
  std::string method;
  std::vector<const ordered_json*> cells;
};

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
  // As the paper orders them; others follow by name.
  const auto rank = [](const std::vector<std::string>& order, const std::string& name) {
    return std::find(order.begin(), order.end(), name) - order.begin();
  };
  const std::vector<std::string> recommenders = {"ecf",      "ecf-3",  "distillemb", "bprmf",
                                                 "lightgcn", "sasrec", "timirec"};
  const std::vector<std::string> methods = {kRecommenderMethod, kRawMethod, kRandomMethod,
                                            kTrainedMethod};
  const auto key = [&](const Series& series) {
    return std::tuple(series.dataset, rank(recommenders, series.recommender),
                      rank(methods, series.method));
  };
  std::stable_sort(all.begin(), all.end(),
                   [&](const Series& a, const Series& b) { return key(a) < key(b); });
  return all;
}

using Measure = std::function<std::optional<double>(const ordered_json& cell)>;

// A number of the cell by JSON pointer.
Measure At(const std::string& pointer) {
  return [at = ordered_json::json_pointer(pointer)](const ordered_json& cell) {
    return cell.contains(at) && cell.at(at).is_number() ? std::optional<double>(cell.at(at))
                                                        : std::nullopt;
  };
}

Measure Ratio(const std::string& numerator, const std::string& denominator) {
  return [n = At(numerator), d = At(denominator)](const ordered_json& cell) {
    const auto above = n(cell);
    const auto below = d(cell);
    return above && below && *below > 0 ? std::optional<double>(*above / *below) : std::nullopt;
  };
}

void Fill(const Series& series, const std::string& metric, const Measure& measure,
          std::optional<double> paper, ResultRow& row) {
  std::vector<double> values;
  for (const ordered_json* cell : series.cells) {
    if (const auto value = measure(*cell)) values.push_back(*value);
  }
  if (values.empty()) return;
  row.values[metric] = {Summarise(values), paper};
}

std::string Refusal(const Series& series) {
  for (const ordered_json* cell : series.cells) {
    if (cell->contains("refused")) return cell->at("refused");
  }
  return "";
}

const Series* FindSeries(const std::vector<Series>& all, const Series& like,
                         const std::string& method) {
  for (const Series& series : all) {
    if (series.dataset == like.dataset && series.recommender == like.recommender &&
        series.method == method) {
      return &series;
    }
  }
  return nullptr;
}

// Whether any of the recommender's cells with these methods is there.
bool HasAny(const std::vector<Series>& all, const Series& like,
            const std::vector<std::string>& methods) {
  return std::any_of(methods.begin(), methods.end(), [&](const std::string& method) {
    return FindSeries(all, like, method) != nullptr;
  });
}

bool IsBaseline(const std::string& recommender) {
  return recommender == "ecf" || recommender == "ecf-3" || recommender == "distillemb";
}

// The share that the trained SAE of the paper keeps.
std::optional<double> PaperKept(const Series& series, const std::string& metric) {
  if (series.method != kTrainedMethod) return std::nullopt;
  const auto after = PaperTable3(series.dataset, series.recommender, kTrainedMethod, metric);
  const auto before = PaperTable3(series.dataset, series.recommender, kRawMethod, metric);
  return after && before ? std::optional<double>(*after / *before) : std::nullopt;
}

ResultTable Table3Reconstruction(const std::vector<Series>& all) {
  ResultTable table;
  table.id = "table3-reconstruction";
  table.study = "table3";
  table.title = "Table 3: reconstruction";
  table.caption =
      "How well the held-out items of the test split are ranked among all items: by the "
      "recommender "
      "itself, and with its activations replaced by an SAE's reconstruction, before and after "
      "training. Kept: the share of the recommender's own HR@10 and NDCG@10. FVU: fraction of the "
      "test activations' variance that is left unexplained.";
  table.labels = {"data set", "recommender", "method"};
  table.metrics = RankingMetrics();
  table.metrics.push_back({"hr@10_kept", "HR@10 kept", kPercent});
  table.metrics.push_back({"ndcg@10_kept", "NDCG@10 kept", kPercent});
  table.metrics.push_back({"fvu", "FVU", kShare});
  for (const Series& series : all) {
    const bool itself = series.method == kRecommenderMethod;
    if (IsBaseline(series.recommender)) continue;
    if (!itself && series.method != kRandomMethod && series.method != kTrainedMethod) continue;
    ResultRow row;
    row.labels = {series.dataset, RecommenderTitle(series.recommender), MethodTitle(series.method)};
    row.refused = Refusal(series);
    for (const Metric& metric : RankingMetrics()) {
      Fill(series, metric.id, At(absl::StrCat(itself ? "/metrics/" : "/reconstructed/", metric.id)),
           PaperTable3(series.dataset, series.recommender, series.method, metric.id), row);
      if (itself || metric.id.substr(metric.id.size() - 2) != "10") continue;
      Fill(series, metric.id + "_kept",
           Ratio("/reconstructed/" + metric.id, "/original/" + metric.id),
           PaperKept(series, metric.id), row);
    }
    Fill(series, "fvu", At("/fvu"), std::nullopt, row);
    table.rows.push_back(std::move(row));
  }
  return table;
}

ResultTable Table3Concepts(const std::vector<Series>& all) {
  ResultTable table;
  table.id = "table3-concepts";
  table.study = "table3";
  table.title = "Table 3: concepts";
  table.caption =
      "The recommender's raw dimensions, an SAE before training and the trained SAE through the "
      "same concept pipeline. C: concepts by confidence in the paper's protocol; control: those "
      "at 0.8 or more when every description is dealt to another latent. Verified: concepts that "
      "beat such a control on up to 100 other cases, at a false-discovery rate of 5 %. Similarity: "
      "cosines between item vectors within and between the concepts at 0.8 or more. The paper's "
      "descriptions come from a language model (Llama-3-8B), these from the statistical labeler.";
  table.labels = {"data set", "recommender", "method"};
  table.metrics = {{"intra", "intra ↑", kShare},    {"inter", "inter ↓", kShare},
                   {"eq_1", "C = 1", kCount},       {"ge_0.9", "C ≥ 0.9", kCount},
                   {"ge_0.8", "C ≥ 0.8", kCount},   {"control", "control ≥ 0.8", kCount},
                   {"all", "scored", kCount},       {"described", "described", kCount},
                   {"verified", "verified", kCount}};
  for (const Series& series : all) {
    if (series.method != kRawMethod && series.method != kRandomMethod &&
        series.method != kTrainedMethod) {
      continue;
    }
    ResultRow row;
    row.labels = {series.dataset, RecommenderTitle(series.recommender), MethodTitle(series.method)};
    for (const auto& [metric, pointer] :
         {std::pair("intra", "/similarity/intra"), std::pair("inter", "/similarity/inter"),
          std::pair("eq_1", "/concepts/paper/eq_1"), std::pair("ge_0.9", "/concepts/paper/ge_0.9"),
          std::pair("ge_0.8", "/concepts/paper/ge_0.8"),
          std::pair("control", "/concepts/control/ge_0.8"), std::pair("all", "/concepts/paper/all"),
          std::pair("described", "/concepts/described"),
          std::pair("verified", "/concepts/verified")}) {
      Fill(series, metric, At(pointer),
           PaperTable3(series.dataset, series.recommender, series.method, metric), row);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

ResultTable Table4(const std::vector<Series>& all) {
  ResultTable table;
  table.id = "table4";
  table.study = "table4";
  table.title = "Table 4: against interpretable recommenders";
  table.caption =
      "Ranking of the test split by recommenders that are interpretable by design, and by the "
      "SAE's "
      "reconstruction of BPRMF's activations.";
  table.labels = {"data set", "method"};
  table.metrics = RankingMetrics();
  for (const Series& series : all) {
    const bool baseline = IsBaseline(series.recommender);
    const bool sae = series.recommender == "bprmf" && series.method == kTrainedMethod;
    if (!baseline && !sae) continue;
    ResultRow row;
    row.labels = {series.dataset,
                  baseline ? RecommenderTitle(series.recommender) : std::string("RecSAE on BPRMF")};
    row.refused = Refusal(series);
    for (const Metric& metric : RankingMetrics()) {
      Fill(series, metric.id,
           At(absl::StrCat(baseline ? "/metrics/" : "/reconstructed/", metric.id)),
           PaperTable4(series.dataset, series.recommender, metric.id), row);
    }
    table.rows.push_back(std::move(row));
  }
  const bool compares = std::any_of(
      all.begin(), all.end(), [](const Series& series) { return IsBaseline(series.recommender); });
  if (!compares) table.rows.clear();
  return table;
}

ResultTable Table6(const std::vector<Series>& all) {
  ResultTable table;
  table.id = "table6";
  table.study = "table6";
  table.title = "Table 6: before and after training";
  table.caption =
      "The SAE as it is initialised and as it is trained, on the test split. MSE is per value of "
      "an "
      "activation, in the recommender's own units.";
  table.labels = {"data set", "recommender", "SAE"};
  table.metrics = {{"mse", "MSE ↓", kShare},
                   {"fvu", "FVU ↓", kShare},
                   {"hr@10", "HR@10 ↑", kShare},
                   {"ndcg@10", "NDCG@10 ↑", kShare}};
  for (const Series& series : all) {
    if (series.method != kRandomMethod && series.method != kTrainedMethod) continue;
    if (!HasAny(all, series, {kRandomMethod})) continue;
    ResultRow row;
    row.labels = {series.dataset, RecommenderTitle(series.recommender),
                  series.method == kRandomMethod ? "before" : "after"};
    Fill(series, "mse", At("/mse"), std::nullopt, row);
    Fill(series, "fvu", At("/fvu"), std::nullopt, row);
    Fill(series, "hr@10", At("/reconstructed/hr@10"), std::nullopt, row);
    Fill(series, "ndcg@10", At("/reconstructed/ndcg@10"), std::nullopt, row);
    table.rows.push_back(std::move(row));
  }
  return table;
}

ResultTable Table7(const std::vector<Series>& all) {
  ResultTable table;
  table.id = "table7";
  table.study = "table7";
  table.title = "Table 7: one latent scaled";
  table.caption =
      "Of the test cases in which the latent is active, the share whose ten recommended items show "
      "the concept (hold an item with the attribute), with the latent's activation scaled by -10, "
      "as it is, and by +10. The change is added to the activation (x + Δz·w), the rest stays.";
  table.labels = {"data set", "recommender", "concept", "latent"};
  table.metrics = {{"-10", "−10×", kShare},
                   {"1", "original", kShare},
                   {"10", "+10×", kShare},
                   {"cases", "cases", kCount}};
  for (const Series& series : all) {
    if (series.method != kSteerMethod) continue;
    const ordered_json& cell = *series.cells.front();
    const std::string value = cell.at("value");
    ResultRow row;
    row.labels = {series.dataset, RecommenderTitle(series.recommender), value,
                  absl::StrCat("#", cell.at("latent").get<int>())};
    for (const char* factor : {"-10", "1", "10"}) {
      Fill(series, factor, At(absl::StrCat("/share/", factor)),
           PaperTable7(series.dataset, value, factor), row);
    }
    Fill(series, "cases", At("/cases"), std::nullopt, row);
    table.rows.push_back(std::move(row));
  }
  return table;
}

// The size of a trained SAE, from its cell.
SweepPoint SizeOf(const Series& series) {
  const ordered_json& sae = series.cells.front()->at("sae");
  return {sae.at("latents").get<int>() / std::max(1, sae.at("d").get<int>()),
          sae.at("k").get<int>()};
}

// The points of a sweep through the trained SAE `base`, which is one of them, by the swept value;
// none where nothing else was measured.
std::vector<std::pair<int, const Series*>> PointsThrough(const std::vector<Series>& all,
                                                         const Series& base, bool over_k) {
  const SweepPoint middle = SizeOf(base);
  std::vector<std::pair<int, const Series*>> points;
  for (const Series& series : all) {
    if (series.dataset != base.dataset || series.recommender != base.recommender) continue;
    const auto point = ParseSweep(series.method);
    if (!point || (over_k ? point->expansion != middle.expansion : point->k != middle.k)) continue;
    points.emplace_back(over_k ? point->k : point->expansion, &series);
  }
  if (points.empty()) return points;
  points.emplace_back(over_k ? middle.k : middle.expansion, &base);
  std::sort(points.begin(), points.end());
  return points;
}

// Sweeps are of the first seed.
ResultRow SweepRow(const Series& series, int value) {
  ResultRow row;
  row.labels = {series.dataset, RecommenderTitle(series.recommender), absl::StrCat(value)};
  Series first = series;
  first.cells.resize(1);
  for (const auto& [metric, pointer] :
       {std::pair("hr@10", "/reconstructed/hr@10"), std::pair("ndcg@10", "/reconstructed/ndcg@10"),
        std::pair("fvu", "/fvu"), std::pair("ge_0.8", "/concepts/paper/ge_0.8"),
        std::pair("control", "/concepts/control/ge_0.8"),
        std::pair("verified", "/concepts/verified")}) {
    Fill(first, metric, At(pointer), std::nullopt, row);
  }
  Fill(first, "hr@10_kept", Ratio("/reconstructed/hr@10", "/original/hr@10"), std::nullopt, row);
  return row;
}

// fig4 varies s, fig5 k.
ResultTable Sweep(const std::vector<Series>& all, bool over_k) {
  ResultTable table;
  table.id = over_k ? "fig5" : "fig4";
  table.study = table.id;
  table.title = over_k ? "Figure 5: sparsity factor k" : "Figure 4: scale size s";
  table.caption = over_k ? "Reconstruction and concepts of SAEs of the same size that differ in k, "
                           "the number of latents active at a time."
                         : "Reconstruction and concepts of SAEs that differ in s, the number of "
                           "latents for each value of an activation; k is the same.";
  table.labels = {"data set", "recommender", over_k ? "k" : "s"};
  table.metrics = {{"hr@10", "HR@10", kShare},
                   {"ndcg@10", "NDCG@10", kShare},
                   {"hr@10_kept", "HR@10 kept", kPercent},
                   {"fvu", "FVU", kShare},
                   {"ge_0.8", "C ≥ 0.8", kCount},
                   {"control", "control ≥ 0.8", kCount},
                   {"verified", "verified", kCount}};
  for (const Series& base : all) {
    if (base.method != kTrainedMethod) continue;
    for (const auto& [value, series] : PointsThrough(all, base, over_k)) {
      table.rows.push_back(SweepRow(*series, value));
    }
  }
  return table;
}

}  // namespace

const Value* ResultTable::Find(const ResultRow& row, const std::string& metric) const {
  const auto found = row.values.find(metric);
  return found == row.values.end() ? nullptr : &found->second;
}

bool ResultTable::HasPaper(const std::string& metric) const {
  return std::any_of(rows.begin(), rows.end(), [&](const ResultRow& row) {
    const Value* value = Find(row, metric);
    return value != nullptr && value->paper.has_value();
  });
}

std::string MethodTitle(const std::string& method) {
  if (method == kRecommenderMethod) return "itself";
  if (method == kRawMethod) return "raw dimensions";
  if (method == kRandomMethod) return "random SAE";
  if (method == kTrainedMethod) return "trained SAE";
  return method;
}

std::string RecommenderTitle(const std::string& recommender) {
  const std::pair<const char*, const char*> titles[] = {
      {"bprmf", "BPRMF"},          {"lightgcn", "LightGCN"}, {"sasrec", "SASRec"},
      {"timirec", "TiMiRec"},      {"ecf", "ECF, single"},   {"ecf-3", "ECF, 3 members"},
      {"distillemb", "DistillEmb"}};
  for (const auto& [id, title] : titles) {
    if (recommender == id) return title;
  }
  return recommender;
}

std::vector<ResultTable> MakeTables(const Cells& cells) {
  const std::vector<Series> all = MakeSeries(cells);
  std::vector<ResultTable> tables;
  for (ResultTable& table :
       std::vector<ResultTable>{Table3Reconstruction(all), Table3Concepts(all), Table4(all),
                                Table6(all), Table7(all), Sweep(all, false), Sweep(all, true)}) {
    if (!table.rows.empty()) tables.push_back(std::move(table));
  }
  return tables;
}

ordered_json TableJson(const ResultTable& table) {
  ordered_json json = {{"id", table.id}, {"title", table.title}, {"rows", ordered_json::array()}};
  for (const ResultRow& row : table.rows) {
    ordered_json line;
    for (size_t i = 0; i < table.labels.size(); ++i) line[table.labels[i]] = row.labels[i];
    if (!row.refused.empty()) line["refused"] = row.refused;
    for (const Metric& metric : table.metrics) {
      const Value* value = table.Find(row, metric.id);
      if (value == nullptr) continue;
      line[metric.id] = {{"mean", value->measured.mean},
                         {"spread", value->measured.spread},
                         {"seeds", value->measured.count}};
      if (value->paper) line[metric.id]["paper"] = *value->paper;
    }
    json["rows"].push_back(std::move(line));
  }
  return json;
}

}  // namespace recsae::cli
