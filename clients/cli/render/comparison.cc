#include "clients/cli/render/comparison.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using explainer::v1::AttributeFit;
using explainer::v1::DescribedR2;
using explainer::v1::DictionaryScore;
using explainer::v1::Evaluation;
using explainer::v1::Verdict;
using nlohmann::ordered_json;

// In reports.
const char* Key(DictionaryScore::Kind kind) {
  switch (kind) {
    case DictionaryScore::KIND_TRAINED:
      return "trained";
    case DictionaryScore::KIND_RAW:
      return "raw";
    case DictionaryScore::KIND_COMPONENTS:
      return "pca";
    case DictionaryScore::KIND_RANDOM:
      return "random";
    case DictionaryScore::KIND_EXEMPLARS:
      return "exemplar";
    default:
      return "least";  // of a verdict without a control
  }
}

// For people.
const char* Title(DictionaryScore::Kind kind) {
  switch (kind) {
    case DictionaryScore::KIND_TRAINED:
      return "SAE";
    case DictionaryScore::KIND_RAW:
      return "raw dimensions";
    case DictionaryScore::KIND_COMPONENTS:
      return "components";
    case DictionaryScore::KIND_RANDOM:
      return "random directions";
    case DictionaryScore::KIND_EXEMPLARS:
      return "exemplars";
    default:
      return "what is worth anything";
  }
}

std::string Shown(double value) { return FormatFixed(value, 3); }

std::string Against(const Verdict& verdict) {
  return absl::StrCat(verdict.measure(), " ", Shown(verdict.trained()), " against ",
                      Shown(verdict.reference()), " of ", Title(verdict.control()));
}

ordered_json Json(const DescribedR2& r2) {
  return {{"1", r2.at_1()}, {"3", r2.at_3()}, {"5", r2.at_5()}};
}

}  // namespace

Table DictionaryTable(const Evaluation& evaluation) {
  if (evaluation.dictionaries().empty()) return Table(std::vector<Column>{});
  std::vector<Column> columns = {{"DESCRIBED R²"}};
  for (const DictionaryScore& score : evaluation.dictionaries()) {
    columns.push_back(
        {absl::StrCat(Title(score.kind()), " ", score.latent_count(), "/", score.k()), true});
  }
  Table table(columns);
  const auto add = [&](const std::string& name, auto value) {
    std::vector<Cell> cells = {Cell(name)};
    for (const DictionaryScore& score : evaluation.dictionaries()) {
      const bool trained = score.kind() == DictionaryScore::KIND_TRAINED;
      cells.emplace_back(Shown(value(score)), trained ? Color::kBold : Color::kPlain);
    }
    table.Add(cells);
  };
  using Score = const DictionaryScore&;
  add("items shown, 1 latent", [](Score s) { return s.shown().at_1(); });
  add("3 latents", [](Score s) { return s.shown().at_3(); });
  add("5 latents", [](Score s) { return s.shown().at_5(); });
  add("random items, 3 latents", [](Score s) { return s.random_items().at_3(); });
  add("breadth", [](Score s) { return s.breadth(); });
  add("FVU", [](Score s) { return s.fvu(); });
  return table;
}

std::vector<std::string> VerdictLines(const Evaluation& evaluation) {
  if (!evaluation.comparison().missing().empty()) {
    return {absl::StrCat("not compared with untrained dictionaries: ",
                         evaluation.comparison().missing())};
  }
  std::vector<std::string> lines;
  const Verdict* hardest = nullptr;
  for (const Verdict& verdict : evaluation.verdicts()) {
    if (!verdict.beaten()) {
      lines.push_back(absl::StrCat("✗ ", Against(verdict), ": ", verdict.reason()));
    } else if (verdict.control() != DictionaryScore::KIND_UNSPECIFIED &&
               (hardest == nullptr || verdict.trained() * hardest->reference() <
                                          hardest->trained() * verdict.reference())) {
      hardest = &verdict;
    }
  }
  if (lines.empty() && hardest != nullptr) {
    lines.push_back(
        absl::StrCat("✓ the SAE beats every control; the closest: ", Against(*hardest)));
  }
  return lines;
}

Table AttributeFitTable(const Evaluation& evaluation, int count) {
  std::map<std::pair<std::string, std::string>, double> raw;
  std::vector<AttributeFit> fits;
  for (const DictionaryScore& score : evaluation.dictionaries()) {
    for (const AttributeFit& fit : score.attributes()) {
      if (score.kind() == DictionaryScore::KIND_TRAINED) fits.push_back(fit);
      if (score.kind() == DictionaryScore::KIND_RAW) {
        raw[{fit.key(), fit.value()}] = fit.correlation();
      }
    }
  }
  std::stable_sort(fits.begin(), fits.end(), [](const AttributeFit& a, const AttributeFit& b) {
    return a.correlation() > b.correlation();
  });
  if (count >= 0 && fits.size() > static_cast<size_t>(count)) fits.resize(count);
  Table table({{"ATTRIBUTE", false, true},
               {"BEST LATENT", true},
               {"r", true},
               {"F1", true},
               {"PRECISION", true},
               {"PREVALENCE", true},
               {"r, BEST RAW DIMENSION", true}});
  for (const AttributeFit& fit : fits) {
    table.Add({absl::StrCat(fit.key(), " ", fit.value()), absl::StrCat("#", fit.latent()),
               Shown(fit.correlation()), Shown(fit.f1()), Shown(fit.precision()),
               Shown(fit.prevalence()), Shown(raw[{fit.key(), fit.value()}])});
  }
  return table;
}

void PrintComparison(Console& console, const Evaluation& evaluation) {
  const Table table = DictionaryTable(evaluation);
  if (!table.empty()) console.Print(table);
  for (const std::string& line : VerdictLines(evaluation)) console.Print(line + "\n");
}

void AddComparison(const Evaluation& evaluation, ordered_json& json) {
  if (!evaluation.has_comparison()) return;
  const auto& comparison = evaluation.comparison();
  if (!comparison.missing().empty()) {
    json["comparison"] = {{"missing", comparison.missing()}};
    return;
  }
  for (const DictionaryScore& score : evaluation.dictionaries()) {
    const char* key = Key(score.kind());
    json["described_r2"][key] = Json(score.shown());
    json["described_r2_random_items"][key] = Json(score.random_items());
    json["breadth"][key] = score.breadth();
  }
  for (const Verdict& verdict : evaluation.verdicts()) {
    json["verdicts"].push_back({{"control", Key(verdict.control())},
                                {"measure", verdict.measure()},
                                {"trained", verdict.trained()},
                                {"reference", verdict.reference()},
                                {"beaten", verdict.beaten()},
                                {"reason", verdict.reason()}});
  }
  json["comparison"] = {{"describing_users", comparison.describing_user_count()},
                        {"threshold_users", comparison.threshold_user_count()},
                        {"measured_users", comparison.measured_user_count()},
                        {"describing_rows", comparison.describing_row_count()},
                        {"measured_rows", comparison.measured_row_count()},
                        {"distinct_activations", comparison.distinct_activation_count()},
                        {"sets", comparison.set_count()},
                        {"attributes", comparison.attribute_count()}};
}

}  // namespace recsae::cli
