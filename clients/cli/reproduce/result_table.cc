#include "clients/cli/reproduce/result_table.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/first_block.h"
#include "clients/cli/reproduce/first_block_tables.h"
#include "clients/cli/reproduce/language_tables.h"
#include "clients/cli/reproduce/paper.h"
#include "clients/cli/reproduce/table_columns.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

// Of a cell's own dictionary, whatever it is. "/concepts/verified" of a cell that an earlier
// version measured counts something else.
constexpr char kVerified[] = "/concepts/tests/trained/verified";
constexpr char kDescribed[] = "/described_r2/trained/3";

bool IsOneOf(const std::string& method, std::initializer_list<const char*> methods) {
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

bool IsBaseline(const std::string& recommender) {
  return recommender == "ecf" || recommender == "ecf-3" || recommender == "distillemb";
}

// A line for each series of these methods and of a recommender to be interpreted.
std::vector<SeriesLine> LinesOf(const std::vector<Series>& all,
                                std::initializer_list<const char*> methods) {
  std::vector<SeriesLine> lines;
  for (const Series& series : all) {
    if (IsBaseline(series.recommender) || IsFirstBlock(series.recommender)) continue;
    if (!IsOneOf(series.method, methods)) continue;
    lines.push_back(
        {{series.dataset, RecommenderTitle(series.recommender), MethodTitle(series.method)},
         series});
  }
  return lines;
}

std::vector<SeriesColumn> RankingColumns(
    const std::function<std::optional<double>(const Series&, const std::string&)>& paper) {
  std::vector<SeriesColumn> columns;
  for (const auto& [id, title] : {std::pair("hr@10", "HR@10"), std::pair("ndcg@10", "NDCG@10"),
                                  std::pair("hr@20", "HR@20"), std::pair("ndcg@20", "NDCG@20")}) {
    columns.push_back(
        {{id, title, kShare}, Ranking(id), [=, id = std::string(id)](const Series& series) {
           return paper(series, id);
         }});
  }
  return columns;
}

std::optional<double> Table3Figure(const Series& series, const std::string& metric) {
  return PaperTable3(series.dataset, series.recommender, series.method, metric);
}

// Of the trained SAE of the paper.
SeriesColumn KeptColumn(const std::string& metric, const std::string& title) {
  return {{metric + "_kept", title, kPercent}, Kept(metric), [=](const Series& series) {
            const auto figure = [&](const char* method) {
              return PaperTable3(series.dataset, series.recommender, method, metric);
            };
            const auto after = figure(kTrainedMethod), before = figure(kRawMethod);
            return series.method == kTrainedMethod && after && before
                       ? std::optional<double>(*after / *before)
                       : std::nullopt;
          }};
}

ResultTable Table3Reconstruction(const std::vector<Series>& all) {
  std::vector<SeriesColumn> columns = RankingColumns(Table3Figure);
  columns.push_back(KeptColumn("hr@10", "HR@10 kept"));
  columns.push_back(KeptColumn("ndcg@10", "NDCG@10 kept"));
  columns.push_back({{"fvu", "FVU", kShare}, At("/fvu")});
  return Assemble(
      {.id = "table3-reconstruction",
       .study = "table3",
       .title = "Table 3: reconstruction",
       .caption = "How well the held-out items of the test split are ranked among all items: by "
                  "the recommender itself, and with its activations replaced by an SAE's "
                  "reconstruction, before and after training. Kept: the share of the "
                  "recommender's own HR@10 and NDCG@10. FVU: fraction of the test activations' "
                  "variance that is left unexplained.",
       .labels = {"data set", "recommender", "method"}},
      columns, LinesOf(all, {kRecommenderMethod, kRandomMethod, kTrainedMethod}));
}

ResultTable Table3Concepts(const std::vector<Series>& all) {
  const auto column = [](const char* id, const char* title, const Format& format,
                         const char* pointer) {
    return SeriesColumn{
        {id, title, format}, At(pointer), [id = std::string(id)](const Series& series) {
          return Table3Figure(series, id);
        }};
  };
  return Assemble(
      {.id = "table3-concepts",
       .study = "table3",
       .title = "Table 3: concepts",
       .caption =
           "The recommender's raw dimensions, an SAE before training and the trained SAE "
           "through the same concept pipeline. Described R²@3: what the descriptions tell of "
           "the scores of the items shown. Verified: latents whose description passes every "
           "test on users who had no part in it: it tells when the latent fires, that of "
           "this latent, and what raising it brings. C: concepts by confidence (paper's "
           "protocol, statistical judge), which does not tell a good dictionary; control: "
           "those at 0.8 or more when every description is dealt to another latent. "
           "Similarity: cosines between item vectors within and between the concepts at 0.8 "
           "or more. The paper's descriptions come from a language model (Llama-3-8B), "
           "these from the statistical labeler.",
       .labels = {"data set", "recommender", "method"}},
      {{{"described_r2", "described R²@3 ↑", kShare}, At(kDescribed)},
       {{"verified", "verified", kCount}, At(kVerified)},
       column("intra", "intra ↑", kShare, "/similarity/intra"),
       column("inter", "inter ↓", kShare, "/similarity/inter"),
       column("eq_1", "C = 1", kCount, "/concepts/paper/eq_1"),
       column("ge_0.9", "C ≥ 0.9", kCount, "/concepts/paper/ge_0.9"),
       column("ge_0.8", "C ≥ 0.8", kCount, "/concepts/paper/ge_0.8"),
       column("control", "control ≥ 0.8", kCount, "/concepts/control/ge_0.8"),
       column("all", "scored", kCount, "/concepts/paper/all"),
       column("described", "described", kCount, "/concepts/described")},
      LinesOf(all, {kRawMethod, kRandomMethod, kTrainedMethod}));
}

ResultTable Table3Described(const std::vector<Series>& all) {
  const auto column = [](const char* id, const char* title, const char* pointer) {
    return SeriesColumn{{id, title, kShare}, At(pointer)};
  };
  return Assemble(
      {.id = "table3-described",
       .study = "table3",
       .title = "Table 3: what descriptions tell",
       .caption = "Described R²@3: of what is personal in the scores of the ten items shown to "
                  "held-out users, the part that the descriptions of the three latents tell which "
                  "weigh most; the same of random items. Breadth: held-out correlation of the "
                  "latent that tells an attribute best, mean over attributes. Beside the trained "
                  "SAE stand dictionaries that nobody trained, random directions and exemplars at "
                  "the best of several sizes.",
       .labels = {"data set", "recommender", "method"}},
      {column("trained", "SAE", "/described_r2/trained/3"),
       column("pca", "components", "/described_r2/pca/3"),
       column("exemplar", "exemplars", "/described_r2/exemplar/3"),
       column("random", "random", "/described_r2/random/3"),
       column("raw", "raw", "/described_r2/raw/3"),
       column("trained_items", "SAE, random items", "/described_r2_random_items/trained/3"),
       column("pca_items", "components, random items", "/described_r2_random_items/pca/3"),
       column("breadth", "breadth, SAE", "/breadth/trained"),
       column("breadth_exemplar", "breadth, exemplars", "/breadth/exemplar"),
       column("breadth_raw", "breadth, raw", "/breadth/raw")},
      LinesOf(all, {kTrainedMethod}));
}

ResultTable Table4(const std::vector<Series>& all) {
  std::vector<SeriesLine> lines;
  bool compares = false;
  for (const Series& series : all) {
    const bool baseline = IsBaseline(series.recommender);
    compares |= baseline;
    if (!baseline && (series.recommender != "bprmf" || series.method != kTrainedMethod)) continue;
    lines.push_back({{series.dataset, baseline ? RecommenderTitle(series.recommender)
                                               : std::string("RecSAE on BPRMF")},
                     series});
  }
  if (!compares) lines.clear();
  return Assemble(
      {.id = "table4",
       .study = "table4",
       .title = "Table 4: against interpretable recommenders",
       .caption = "Ranking of the test split by recommenders that are interpretable by design, "
                  "and by the SAE's reconstruction of BPRMF's activations.",
       .labels = {"data set", "method"}},
      RankingColumns([](const Series& series, const std::string& metric) {
        return PaperTable4(series.dataset, series.recommender, metric);
      }),
      lines);
}

ResultTable Table6(const std::vector<Series>& all) {
  std::vector<SeriesLine> lines = LinesOf(all, {kRandomMethod, kTrainedMethod});
  const auto untrained = [&](const SeriesLine& line) {
    return std::any_of(all.begin(), all.end(), [&](const Series& series) {
      return series.dataset == line.series.dataset &&
             series.recommender == line.series.recommender && series.method == kRandomMethod;
    });
  };
  // Without the SAE before training there is nothing to compare.
  lines.erase(std::remove_if(lines.begin(), lines.end(), std::not_fn(untrained)), lines.end());
  for (SeriesLine& line : lines) {
    line.labels.back() = line.series.method == kRandomMethod ? "before" : "after";
  }
  return Assemble(
      {.id = "table6",
       .study = "table6",
       .title = "Table 6: before and after training",
       .caption = "The SAE as it is initialised and as it is trained, on the test split. MSE is "
                  "per value of an activation, in the recommender's own units.",
       .labels = {"data set", "recommender", "SAE"}},
      {{{"mse", "MSE ↓", kShare}, At("/mse")},
       {{"fvu", "FVU ↓", kShare}, At("/fvu")},
       {{"hr@10", "HR@10 ↑", kShare}, Ranking("hr@10")},
       {{"ndcg@10", "NDCG@10 ↑", kShare}, Ranking("ndcg@10")}},
      lines);
}

ResultTable Table7(const std::vector<Series>& all) {
  const auto concept_of = [](const Series& series) -> std::string {
    return series.cells.front()->at("value");
  };
  std::vector<SeriesLine> lines = LinesOf(all, {kSteerMethod});
  for (SeriesLine& line : lines) {
    line.labels.back() = concept_of(line.series);
    line.labels.push_back(absl::StrCat("#", line.series.cells.front()->at("latent").get<int>()));
  }
  const auto column = [&](const char* factor, const char* title) {
    return SeriesColumn{{factor, title, kShare},
                        At(absl::StrCat("/share/", factor)),
                        [=, factor = std::string(factor)](const Series& series) {
                          return PaperTable7(series.dataset, concept_of(series), factor);
                        }};
  };
  return Assemble(
      {.id = "table7",
       .study = "table7",
       .title = "Table 7: one latent scaled",
       .caption = "Of the test cases in which the latent is active, the share whose ten "
                  "recommended items show the concept (hold an item with the attribute), with the "
                  "latent's activation scaled by -10, as it is, and by +10. The change is added "
                  "to the activation (x + Δz·w), the rest stays.",
       .labels = {"data set", "recommender", "concept", "latent"}},
      {column("-10", "−10×"),
       column("1", "original"),
       column("10", "+10×"),
       {{"cases", "cases", kCount}, At("/cases")}},
      lines);
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

// fig4 varies s, fig5 k; both of the first seed.
ResultTable Sweep(const std::vector<Series>& all, bool over_k) {
  std::vector<SeriesLine> lines;
  for (const Series& base : all) {
    if (base.method != kTrainedMethod) continue;
    for (const auto& [value, series] : PointsThrough(all, base, over_k)) {
      lines.push_back(
          {{series->dataset, RecommenderTitle(series->recommender), absl::StrCat(value)}, *series});
      lines.back().series.cells.resize(1);
    }
  }
  std::vector<SeriesColumn> columns = {
      {{"hr@10", "HR@10", kShare}, Ranking("hr@10")},
      {{"ndcg@10", "NDCG@10", kShare}, Ranking("ndcg@10")},
      {{"hr@10_kept", "HR@10 kept", kPercent}, Kept("hr@10")},
      {{"fvu", "FVU", kShare}, At("/fvu")},
      {{"described_r2", "described R²@3", kShare}, At(kDescribed)},
      {{"verified", "verified", kCount}, At(kVerified)},
      {{"ge_0.8", "C ≥ 0.8", kCount}, At("/concepts/paper/ge_0.8")},
      {{"control", "control ≥ 0.8", kCount}, At("/concepts/control/ge_0.8")}};
  if (AnyJudged(lines)) {
    columns.push_back({{"model_ge_0.8", "C ≥ 0.8 by the model", kCount},
                       At("/concepts/language_model/paper/ge_0.8")});
    columns.push_back({{"model_control", "its control ≥ 0.8", kCount},
                       At("/concepts/language_model/control/ge_0.8")});
    columns.push_back(
        {{"model_all", "judged by it", kCount}, At("/concepts/language_model/paper/all")});
  }
  return Assemble(
      {.id = over_k ? "fig5" : "fig4",
       .study = over_k ? "fig5" : "fig4",
       .title = over_k ? "Figure 5: sparsity factor k" : "Figure 4: scale size s",
       .caption = over_k ? "Reconstruction and concepts of SAEs of the same size that differ in "
                           "k, the number of latents active at a time. C: paper's protocol, "
                           "statistical judge."
                         : "Reconstruction and concepts of SAEs that differ in s, the number of "
                           "latents for each value of an activation; k is the same. C: paper's "
                           "protocol, statistical judge.",
       .labels = {"data set", "recommender", over_k ? "k" : "s"}},
      columns, lines);
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
  if (method == kPublishedMethod) return "ReLU + L1, as published";
  if (method == kBlockMethod) return "default SAE";
  return method;
}

std::string RecommenderTitle(const std::string& recommender) {
  const std::pair<const char*, const char*> titles[] = {
      {"bprmf", "BPRMF"},
      {"lightgcn", "LightGCN"},
      {"sasrec", "SASRec"},
      {"timirec", "TiMiRec"},
      {"ecf", "ECF, single"},
      {"ecf-3", "ECF, 3 members"},
      {"distillemb", "DistillEmb"},
      {"gpt", "GPT"},
      {"gpt-untrained", "GPT, untrained"},
      {"bert4rec", "BERT4Rec"},
      {"bert4rec-untrained", "BERT4Rec, untrained"}};
  for (const auto& [id, title] : titles) {
    if (recommender == id) return title;
  }
  return recommender;
}

std::vector<ResultTable> MakeTables(const Cells& cells) {
  const std::vector<Series> all = MakeSeries(cells);
  const std::vector<SeriesLine> dictionaries =
      LinesOf(all, {kRawMethod, kRandomMethod, kTrainedMethod});
  std::vector<ResultTable> tables;
  for (ResultTable& table : std::vector<ResultTable>{
           Table3Reconstruction(all), Table3Concepts(all), JudgesTable(dictionaries),
           JudgeTable(dictionaries), Table3Described(all), Table4(all), Table6(all), Table7(all),
           Sweep(all, false), Sweep(all, true), FirstBlockTable(all), FirstBlockGenres(all)}) {
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
  if (!table.notes.empty()) json["notes"] = table.notes;
  return json;
}

}  // namespace recsae::cli
