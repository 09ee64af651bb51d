#include "clients/cli/bench/results.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/text/text.h"

namespace recsae::cli::bench {
namespace {

struct Figure {
  const char* title;
  const char* key;
  double (*of)(const Scores&);
  int decimals;
};

const std::vector<Figure>& Figures() {
  static const std::vector<Figure> figures = {
      {"F1", "f1", [](const Scores& s) { return s.f1; }, 3},
      {"precision", "precision", [](const Scores& s) { return s.precision; }, 3},
      {"recall", "recall", [](const Scores& s) { return s.recall; }, 3},
      {"MCC", "mcc", [](const Scores& s) { return s.mcc; }, 3},
      {"unique", "uniqueness", [](const Scores& s) { return s.uniqueness; }, 3},
      {"explained", "explainedVariance", [](const Scores& s) { return s.explained_variance; }, 3},
      {"L0", "l0", [](const Scores& s) { return s.l0; }, 1},
      {"dead", "dead", [](const Scores& s) { return static_cast<double>(s.dead); }, 0},
      {"shrinkage", "shrinkage", [](const Scores& s) { return s.shrinkage; }, 3}};
  return figures;
}

std::string MeanAndSpread(const std::vector<double>& values, int decimals) {
  const auto n = static_cast<double>(values.size());
  double mean = 0.0;
  for (const double value : values) mean += value / n;
  std::string text = FormatFixed(mean, decimals);
  if (values.size() < 2) return text;
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return absl::StrCat(text, " ± ", FormatFixed(std::sqrt(squares / (n - 1.0)), decimals));
}

}  // namespace

Table ResultsTable(const std::vector<Outcome>& outcomes) {
  // Dictionary and rule, in the order they came in, with the scores of all seeds.
  std::vector<std::pair<std::pair<std::string, std::string>, std::vector<Scores>>> lines;
  for (const Outcome& outcome : outcomes) {
    for (const Reading& reading : outcome.readings) {
      const std::pair key(outcome.name, reading.rule);
      auto line = std::find_if(lines.begin(), lines.end(),
                               [&](const auto& known) { return known.first == key; });
      if (line == lines.end()) line = lines.insert(lines.end(), {key, {}});
      line->second.push_back(reading.scores);
    }
  }
  std::vector<Column> columns = {{"dictionary"}, {"read by"}};
  for (const Figure& figure : Figures()) columns.push_back({figure.title, true});
  Table table(columns);
  for (const auto& [key, scores] : lines) {
    std::vector<Cell> cells = {key.first, key.second};
    for (const Figure& figure : Figures()) {
      std::vector<double> values;
      for (const Scores& of_seed : scores) values.push_back(figure.of(of_seed));
      cells.emplace_back(MeanAndSpread(values, figure.decimals));
    }
    table.Add(std::move(cells));
  }
  return table;
}

nlohmann::ordered_json ResultsJson(const WorldSpec& spec, const StudySettings& settings,
                                   const std::vector<Outcome>& outcomes) {
  nlohmann::ordered_json json = {
      {"preset", spec.name},
      {"features", spec.features},
      {"dim", spec.dim},
      {"worldSeed", settings.world_seed},
      {"latents", settings.latents},
      {"k", settings.k},
      {"samples", settings.train_samples},
      {"testSamples", settings.test_samples},
      {"batchRows", settings.batch_rows},
      {"learningRate", settings.learning_rate},
      {"decoderRate", settings.decoder_rate},
      {"initialDecoder",
       settings.initial_decoder == sae::InitialDecoder::kRows ? "rows" : "random"},
      {"kAnnealFrom", settings.k_anneal_from},
      {"kAnneal", settings.k_anneal_fraction},
      {"warmup", settings.warmup_fraction},
      {"decay", settings.decay_fraction},
      {"gradientClip", settings.clip_norm},
      {"matryoshka", MakeConfig(settings, "matryoshka", 0).matryoshka_prefixes},
      {"results", nlohmann::ordered_json::array()}};
  for (const Outcome& outcome : outcomes) {
    for (const Reading& reading : outcome.readings) {
      nlohmann::ordered_json line = {
          {"dictionary", outcome.name}, {"seed", outcome.seed}, {"readBy", reading.rule}};
      for (const Figure& figure : Figures()) line[figure.key] = figure.of(reading.scores);
      line["trueL0"] = reading.scores.true_l0;
      line["generateSeconds"] = outcome.generate_seconds;
      line["trainSeconds"] = outcome.train_seconds;
      json["results"].push_back(std::move(line));
    }
  }
  return json;
}

std::string Summary(const Outcome& outcome) {
  std::string text = absl::StrCat(outcome.name, " seed ", outcome.seed, ":");
  for (const Reading& reading : outcome.readings) {
    absl::StrAppend(&text, " ", reading.rule, " F1 ", FormatFixed(reading.scores.f1, 3), ", MCC ",
                    FormatFixed(reading.scores.mcc, 3), ", explained ",
                    FormatFixed(reading.scores.explained_variance, 3), ", L0 ",
                    FormatFixed(reading.scores.l0, 1), ";");
  }
  absl::StrAppend(&text, " rows took ", FormatDuration(outcome.generate_seconds), ", steps ",
                  FormatDuration(outcome.train_seconds));
  return text;
}

}  // namespace recsae::cli::bench
