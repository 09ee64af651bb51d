#include "clients/cli/reproduce/language_tables.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/paper.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;
using Pointer = ordered_json::json_pointer;

constexpr char kModel[] = "/concepts/language_model";
constexpr Format kMean = {3, false};

bool Judged(const ordered_json& cell) { return cell.contains(Pointer(kModel)); }

std::vector<SeriesLine> JudgedLines(const std::vector<SeriesLine>& lines) {
  std::vector<SeriesLine> judged;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(judged), [](const SeriesLine& line) {
    const auto& cells = line.series.cells;
    return std::any_of(cells.begin(), cells.end(),
                       [](const ordered_json* cell) { return Judged(*cell); });
  });
  return judged;
}

// Of the concepts judged, those of confidence .8 or more.
Measure SureShare(const std::string& counts) {
  return [sure = At(counts + "/ge_0.8"),
          all = At(counts + "/all")](const ordered_json& cell) -> std::optional<double> {
    const auto of = all(cell);
    return of.value_or(0) > 0 ? std::optional<double>(sure(cell).value_or(0) / *of) : std::nullopt;
  };
}

// Of one judge, whose part of a cell begins at `at`. The paper's figures are a language model's.
std::vector<SeriesColumn> JudgeColumns(const std::string& at, bool of_model) {
  const auto count = [&](const char* id, const char* title) {
    return SeriesColumn{{id, title, kCount},
                        At(absl::StrCat(at, "/paper/", id)),
                        [of_model, id = std::string(id)](const Series& series) {
                          return of_model ? PaperTable3(series.dataset, series.recommender,
                                                        series.method, id)
                                          : std::nullopt;
                        }};
  };
  return {count("eq_1", "C = 1"),
          count("ge_0.9", "C ≥ 0.9"),
          count("ge_0.8", "C ≥ 0.8"),
          count("all", "judged"),
          {{"sure", "C ≥ 0.8 of judged", kPercent}, SureShare(at + "/paper")},
          {{"sure_control", "control", kPercent}, SureShare(at + "/control")},
          {{"precision", "precision", kMean}, At(at + "/paper/precision")},
          {{"recall", "recall", kMean}, At(at + "/paper/recall")}};
}

std::string CellTitle(const SeriesLine& line, const ordered_json& cell) {
  return absl::StrCat(absl::StrJoin(line.labels, ", "), ", seed ", cell.at("seed").get<uint64_t>());
}

std::string Interval(const ordered_json& score) {
  return absl::StrCat(FormatFixed(score.at("mean"), 3), " (", FormatFixed(score.at("low"), 3),
                      " to ", FormatFixed(score.at("high"), 3), ")");
}

// Why the figures of a trained SAE mean nothing; "" where they may. That of dictionaries which
// nobody trained no description tells anything is as it should be.
std::string WhyNothing(const ordered_json& model) {
  const auto has = [&](const char* what) { return model.at(what).contains("mean"); };
  if (!has("own") && !has("statistical")) return "nothing was judged";
  if (!has("dealt")) {
    return "no description was dealt to another latent, so that nothing tells this judge from "
           "chance: 32 latents are judged, and then dealt to; a budget that ends before that is "
           "too small";
  }
  const double chance = model.at("dealt").at("high");
  for (const char* real : {"own", "statistical"}) {
    if (has(real) && model.at(real).at("low").get<double>() > chance) return "";
  }
  const char* const shown = has("own") ? "own" : "statistical";
  return absl::StrCat(model.at("model").get<std::string>(),
                      " judges at chance: of cases told right ", Interval(model.at(shown)),
                      ", with descriptions of other latents ", Interval(model.at("dealt")),
                      "; its figures mean nothing");
}

std::vector<std::string> NotesOf(const std::vector<SeriesLine>& lines) {
  std::vector<std::string> notes;
  int64_t calls = 0;
  int64_t tokens = 0;
  int64_t remembered = 0;
  for (const SeriesLine& line : lines) {
    for (const ordered_json* cell : line.series.cells) {
      if (!Judged(*cell)) continue;
      const ordered_json& model = cell->at(Pointer(kModel));
      calls += model.at("calls").get<int64_t>();
      tokens += model.at("tokens").get<int64_t>();
      remembered += model.at("remembered").get<int64_t>();
      const std::string why =
          line.series.method == kTrainedMethod ? WhyNothing(model) : std::string();
      if (!why.empty()) notes.push_back(absl::StrCat(CellTitle(line, *cell), ": ", why));
      if (model.contains("stopped")) {
        notes.push_back(absl::StrCat(CellTitle(line, *cell), ": not every latent was asked about: ",
                                     model.at("stopped").get<std::string>()));
      }
    }
  }
  notes.push_back(absl::StrCat("paid: ", Plural(calls, "call"), ", ", Plural(tokens, "token"), "; ",
                               Plural(remembered, "answer"), " from before"));
  return notes;
}

}  // namespace

bool AnyJudged(const std::vector<SeriesLine>& lines) { return !JudgedLines(lines).empty(); }

ResultTable JudgesTable(const std::vector<SeriesLine>& lines) {
  std::vector<SeriesLine> ours = JudgedLines(lines);
  std::vector<SeriesLine> models = ours;
  for (SeriesLine& line : ours) line.labels.emplace_back("statistical");
  for (SeriesLine& line : models) {
    const auto& cells = line.series.cells;
    const auto judged = std::find_if(cells.begin(), cells.end(),
                                     [](const ordered_json* cell) { return Judged(*cell); });
    line.labels.push_back((*judged)->at(Pointer(kModel)).at("model"));
  }
  ResultTable table = Assemble(
      {.id = "table3-judges",
       .study = "table3",
       .title = "Table 3: concepts by both judges",
       .caption =
           "The paper's protocol twice on the same cases: each latent described from its 5 most "
           "activated cases, and 5 others of them told from 5 that do not activate it. The "
           "statistical judge judges the statistical descriptions, the language model its own, as "
           "in the paper, whose figures stand beside. Control: the same with every description "
           "dealt to another latent. Precision and recall: means over concepts.",
       .labels = {"data set", "recommender", "method", "judge"}},
      JudgeColumns("/concepts", false), ours);
  const std::vector<ResultRow> statistical = std::move(table.rows);
  const ResultTable of_models =
      Assemble({.id = "", .study = "", .title = "", .caption = "", .labels = table.labels},
               JudgeColumns(kModel, true), models);
  table.rows.clear();
  for (size_t i = 0; i < statistical.size(); ++i) {
    table.rows.push_back(statistical[i]);
    table.rows.push_back(of_models.rows[i]);
  }
  return table;
}

ResultTable JudgeTable(const std::vector<SeriesLine>& lines) {
  const std::vector<SeriesLine> judged = JudgedLines(lines);
  const auto column = [](const char* id, const char* title, const Format& format,
                         const char* pointer) {
    return SeriesColumn{{id, title, format}, At(absl::StrCat(kModel, pointer))};
  };
  ResultTable table = Assemble(
      {.id = "table3-judge",
       .study = "table3",
       .title = "Table 3: the language model as a judge",
       .caption =
           "Share of cases told right, mean over latents with the ends of its 95 % interval: by "
           "the model's descriptions, by the statistical ones, and by descriptions dealt to other "
           "latents, which must be at chance (0.5) or a little below. Alike: cases with the same "
           "verdict when they are judged again with another seed, and Cohen's kappa. Unreadable: "
           "answers of no use. Calls and tokens are what was paid.",
       .labels = {"data set", "recommender", "method"}},
      {column("own", "its own", kMean, "/own/mean"), column("own_low", "from", kMean, "/own/low"),
       column("own_high", "to", kMean, "/own/high"),
       column("statistical", "the statistical", kMean, "/statistical/mean"),
       column("dealt", "dealt", kMean, "/dealt/mean"),
       column("dealt_low", "from", kMean, "/dealt/low"),
       column("dealt_high", "to", kMean, "/dealt/high"),
       column("agreement", "alike", kPercent, "/retest/agreement"),
       column("kappa", "kappa", {2, false}, "/retest/kappa"),
       column("unreadable", "unreadable", kCount, "/unreadable"),
       column("calls", "calls", kCount, "/calls"), column("tokens", "tokens", kCount, "/tokens")},
      judged);
  if (!judged.empty()) table.notes = NotesOf(judged);
  return table;
}

}  // namespace recsae::cli
