#include "clients/cli/render/comparison.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/render/dictionary_names.h"
#include "clients/cli/render/latents.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using explainer::v1::AttributeFit;
using explainer::v1::DescribedR2;
using explainer::v1::DictionaryScore;
using explainer::v1::Evaluation;
using explainer::v1::Splitting;
using explainer::v1::Verdict;
using nlohmann::ordered_json;

// A verdict without a control is against the least that is worth anything.
const char* Key(DictionaryScore::Kind kind) { return DictionaryKey(kind, "least"); }
const char* Title(DictionaryScore::Kind kind) {
  return DictionaryTitle(kind, "what is worth anything");
}

std::string Shown(double value) { return FormatFixed(value, 3); }

// Of a table, where it was not measured.
constexpr char kMissing[] = "–";

std::string Against(const Verdict& verdict) {
  return absl::StrCat(verdict.measure(), " ", Shown(verdict.trained()), " against ",
                      Shown(verdict.reference()), " of ", Title(verdict.control()));
}

// Ahead, but not by so much that the control would count as beaten.
bool IsNarrow(const Verdict& verdict) {
  return !verdict.beaten() && verdict.control() != DictionaryScore::KIND_UNSPECIFIED &&
         verdict.trained() > 0 && verdict.trained() > verdict.reference();
}

// Lines of a table, with a cell for each dictionary.
class DictionaryLines {
 public:
  DictionaryLines(const Evaluation& evaluation, Table& table)
      : evaluation_(evaluation), table_(table) {}

  // `value` of a DictionaryScore: nothing where it was not measured. Lines of nothing are left out.
  template <typename Value>
  void Add(const std::string& name, Value value) {
    std::vector<Cell> cells = {Cell(name)};
    bool any = false;
    for (const DictionaryScore& score : evaluation_.dictionaries()) {
      const std::optional<double> measured = value(score);
      any = any || measured.has_value();
      const bool trained = score.kind() == DictionaryScore::KIND_TRAINED;
      cells.emplace_back(measured ? Shown(*measured) : kMissing,
                         trained ? Color::kBold : Color::kPlain);
    }
    if (any) table_.Add(std::move(cells));
  }

  // For 1, 3 and 5 latents.
  template <typename R2>
  void AddDescribed(const std::string& items, R2 r2) {
    const auto add = [&](const std::string& name, double (DescribedR2::*at)() const) {
      Add(name, [&](const DictionaryScore& score) -> std::optional<double> {
        const DescribedR2* described = r2(score);
        if (described == nullptr) return std::nullopt;
        return (described->*at)();
      });
    };
    add(items + ", 1 latent", &DescribedR2::at_1);
    add("3 latents", &DescribedR2::at_3);
    add("5 latents", &DescribedR2::at_5);
  }

  template <typename Value>
  void AddSplitting(const std::string& name, Value value) {
    Add(name, [&](const DictionaryScore& score) -> std::optional<double> {
      if (score.splitting().attribute_count() == 0) return std::nullopt;
      return value(score.splitting());
    });
  }

 private:
  const Evaluation& evaluation_;
  Table& table_;
};

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
  DictionaryLines lines(evaluation, table);
  lines.AddDescribed("items shown", [](const DictionaryScore& score) {
    return score.has_shown() ? &score.shown() : nullptr;
  });
  lines.AddDescribed("random items", [](const DictionaryScore& score) {
    return score.has_random_items() ? &score.random_items() : nullptr;
  });
  lines.Add("breadth", [](const DictionaryScore& score) {
    return score.has_shown() ? std::optional<double>(score.breadth()) : std::nullopt;
  });
  lines.Add("FVU", [](const DictionaryScore& score) { return score.fvu(); });
  lines.AddSplitting("latents per attribute",
                     [](const Splitting& s) { return s.latents_per_attribute(); });
  lines.AddSplitting("attribute missed", [](const Splitting& s) { return s.missed_share(); });
  lines.AddSplitting("missed and absorbed", [](const Splitting& s) { return s.absorption_rate(); });
  lines.AddSplitting("absorbed of the missed",
                     [](const Splitting& s) { return s.absorbed_share(); });
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
      lines.push_back(absl::StrCat("✗ ", Against(verdict),
                                   IsNarrow(verdict) ? ", ahead by less than 5 %: " : ": ",
                                   verdict.reason()));
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
    if (!score.has_shown()) continue;
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
               {"r, BEST RAW DIMENSION", true},
               {"BEST FOR WHAT IS READ", true},
               {"r, READ", true}});
  for (const AttributeFit& fit : fits) {
    const auto of_raw = raw.find({fit.key(), fit.value()});
    table.Add({absl::StrCat(fit.key(), " ", fit.value()),
               fit.latent() < 0 ? kMissing : absl::StrCat("#", fit.latent()),
               Shown(fit.correlation()), Shown(fit.f1()), Shown(fit.precision()),
               Shown(fit.prevalence()), of_raw == raw.end() ? kMissing : Shown(of_raw->second),
               fit.read_correlation() == 0 ? kMissing : absl::StrCat("#", fit.read_latent()),
               fit.read_correlation() == 0 ? kMissing : Shown(fit.read_correlation())});
  }
  return table;
}

Table LastReadTable(const Evaluation& evaluation, int count) {
  std::map<std::pair<std::string, std::string>, std::map<DictionaryScore::Kind, double>> others;
  std::vector<AttributeFit> fits;
  for (const DictionaryScore& score : evaluation.dictionaries()) {
    for (const AttributeFit& fit : score.attributes()) {
      if (!fit.has_last_read()) continue;
      if (score.kind() == DictionaryScore::KIND_TRAINED) fits.push_back(fit);
      others[{fit.key(), fit.value()}][score.kind()] = fit.last_read().correlation();
    }
  }
  std::stable_sort(fits.begin(), fits.end(), [](const AttributeFit& a, const AttributeFit& b) {
    return a.last_read().correlation() > b.last_read().correlation();
  });
  if (count >= 0 && fits.size() > static_cast<size_t>(count)) fits.resize(count);
  if (fits.empty()) return Table(std::vector<Column>{});
  Table table({{"ATTRIBUTE OF THE ITEM READ LAST", false, true},
               {"BEST LATENT", true},
               {"r", true},
               {"AUC", true},
               {"PRECISION", true},
               {"SHARE FIRED", true},
               {"PREVALENCE", true},
               {"r, RAW", true},
               {"r, RANDOM", true}});
  for (const AttributeFit& fit : fits) {
    const auto& of = others.at({fit.key(), fit.value()});
    const auto shown = [&](DictionaryScore::Kind kind) {
      const auto found = of.find(kind);
      return found == of.end() ? std::string(kMissing) : Shown(found->second);
    };
    const auto& read = fit.last_read();
    table.Add({absl::StrCat(fit.key(), " ", fit.value()),
               read.latent() < 0 ? kMissing : absl::StrCat("#", read.latent()),
               Shown(read.correlation()), Shown(read.auc()), Shown(read.precision()),
               Shown(read.fired_share()), Shown(read.prevalence()),
               shown(DictionaryScore::KIND_RAW), shown(DictionaryScore::KIND_RANDOM)});
  }
  return table;
}

void PrintComparison(Console& console, const Evaluation& evaluation) {
  const Table table = DictionaryTable(evaluation);
  if (!table.empty()) console.Print(table);
  for (const std::string& line : VerdictLines(evaluation)) console.Print(line + "\n");
  if (const Table latents = LatentTable(evaluation); !latents.empty()) {
    console.Print("\n");
    console.Print(latents);
  }
}

void AddComparison(const Evaluation& evaluation, ordered_json& json) {
  AddLatents(evaluation, json);
  if (!evaluation.has_comparison()) return;
  const auto& comparison = evaluation.comparison();
  if (!comparison.missing().empty()) {
    json["comparison"] = {{"missing", comparison.missing()}};
    return;
  }
  for (const DictionaryScore& score : evaluation.dictionaries()) {
    const char* key = Key(score.kind());
    for (const auto& [name, mean] : score.last_read_correlations()) {
      json["last_read"][name][key] = mean;
    }
    if (score.has_splitting()) json["splitting"][key] = SplittingJson(score.splitting());
    if (!score.has_shown()) continue;
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
