#include "clients/cli/render/concepts.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "clients/cli/render/dictionary_names.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using concept_store::v1::CausalTest;
using concept_store::v1::Concept;
using concept_store::v1::ConceptTests;
using concept_store::v1::PredictiveTest;
using concept_store::v1::SpecificTest;
using concept_store::v1::StableTest;
using explainer::v1::ConceptReport;
using explainer::v1::ConfidenceCounts;
using explainer::v1::DictionaryScore;
using explainer::v1::TestCounts;

std::string Passed(bool passed) { return passed ? "✓ " : "✗ "; }

std::string VerifiedText(const ConceptTests& tests) {
  if (tests.verified()) return "✓ passed every test";
  std::vector<std::string> failed;
  if (!tests.predictive().passed()) failed.emplace_back("predictive");
  if (tests.has_specific() && !tests.specific().passed()) failed.emplace_back("specific");
  if (tests.has_causal() && !tests.causal().passed()) failed.emplace_back("causal");
  if (tests.has_stable() && !tests.stable().passed()) failed.emplace_back("stable");
  return absl::StrCat("✗ failed: ", absl::StrJoin(failed, ", "));
}

// The tests are of `terms`, which a person's description leaves as they are.
std::string TestedText(const Concept& value) {
  if (!value.has_tests()) return "not tested";
  const bool renamed = value.source() == Concept::SOURCE_PERSON;
  return absl::StrCat(VerifiedText(value.tests()),
                      renamed ? " (of its terms; nobody tested a person's words)" : "");
}

std::string PredictiveText(const PredictiveTest& test) {
  return absl::StrCat(Passed(test.passed()), "correlation ", FormatFixed(test.correlation(), 2),
                      " (95 %: ", FormatFixed(test.correlation_low(), 2), " to ",
                      FormatFixed(test.correlation_high(), 2), "; other descriptions stay below ",
                      FormatFixed(test.null_correlation(), 2), "; q ", FormatNumber(test.q_value()),
                      "), average precision ", FormatFixed(test.average_precision(), 2),
                      " (chance ", FormatFixed(test.prevalence(), 2), "), on ",
                      Plural(test.row_count(), "row"), " of ", Plural(test.user_count(), "user"));
}

std::string SpecificText(const SpecificTest& test) {
  return absl::StrCat(Passed(test.passed()), FormatFixed(test.correlation(), 2), " against ",
                      FormatFixed(test.nearest_correlation(), 2), " with #", test.nearest_latent(),
                      ", the best of ", Plural(test.neighbour_count(), "neighbour"),
                      " (difference at least ", FormatFixed(test.difference_low(), 2), ")");
}

std::string CausalText(const CausalTest& test) {
  return absl::StrCat(Passed(test.passed()), "raised, ", FormatPercent(test.raised_share()),
                      " of the recommended are described (", FormatPercent(test.share()),
                      " before, ", FormatPercent(test.control_share()),
                      " with like latents raised; effect at least ",
                      FormatFixed(100 * test.effect_low(), 0), " points); removed where it fires, ",
                      FormatPercent(test.removed_share()), " (", FormatPercent(test.firing_share()),
                      " before, ", FormatPercent(test.removed_control_share()),
                      " with another latent removed); ", Plural(test.user_count(), "user"));
}

std::string PairsText(const CausalTest& test) {
  if (test.pair_count() == 0) return "";
  return absl::StrCat("fires more for the history with more of it in ",
                      FormatPercent(test.pair_share()), " of ",
                      Plural(test.pair_count(), "matched pair"));
}

std::string StableText(const StableTest& test) {
  std::vector<std::string> matches;
  for (const StableTest::Match& match : test.matches()) {
    matches.push_back(absl::StrCat("cosine ", FormatFixed(match.cosine(), 2), " with #",
                                   match.latent(), " of ", ShortName(match.sae())));
  }
  return Passed(test.passed()) + absl::StrJoin(matches, ", ");
}

std::string GroupText(const Concept& value) {
  if (value.group().size() <= 1) return "";
  const int others = value.group().size() - 1;
  if (value.group().lead_latent() == value.latent()) {
    return absl::StrCat("stands for ", Plural(others, "more latent"),
                        others == 1 ? " that says the same" : " that say the same");
  }
  return absl::StrCat("one of ", value.group().size(), " latents that say the same, listed by #",
                      value.group().lead_latent());
}

std::string PaperText(const concept_store::v1::PaperScore& score) {
  return absl::StrCat("confidence ", FormatFixed(score.confidence(), 2),
                      " by a statistical judge (precision ", FormatFixed(score.precision(), 2),
                      ", recall ", FormatFixed(score.recall(), 2), "; ", score.positive_count(),
                      " + ", score.negative_count(),
                      " cases; raw dimensions reach as much), of: ", score.description());
}

std::string Terms(const Concept& value) {
  constexpr int kShown = 12;
  std::vector<std::string> parts;
  for (const concept_store::v1::Term& term : value.terms()) {
    if (parts.size() == kShown) break;
    parts.push_back(absl::StrCat(term.text(), " (", term.kind(), ")"));
  }
  return absl::StrJoin(parts, ", ");
}

std::string SourceName(Concept::Source source) {
  std::string name = Concept::Source_Name(source);
  absl::string_view stripped = name;
  absl::ConsumePrefix(&stripped, "SOURCE_");
  return absl::AsciiStrToLower(stripped);
}

// "0.90 1950s Sci-Fi (language_model, judged by small)"
std::string JudgedTexts(const Concept& value) {
  std::vector<std::string> texts;
  for (const concept_store::v1::JudgedDescription& judged : value.descriptions()) {
    texts.push_back(absl::StrCat(FormatFixed(judged.score(), 2), " ", judged.text(), " (",
                                 SourceName(judged.author()), ", judged by ", judged.model(), ")"));
  }
  return absl::StrJoin(texts, "; ");
}

}  // namespace

Table ConceptDetails(const Concept& value) {
  const concept_store::v1::LatentStatistics& statistics = value.statistics();
  const ConceptTests& tests = value.tests();
  std::vector<std::string> evidence;
  for (const concept_store::v1::Evidence& entry : value.evidence()) {
    evidence.push_back(absl::StrCat(ShortName(entry.capture()), " row ", entry.row(), " (level ",
                                    entry.level(), ", item ", entry.recommended_item_id(), ")"));
  }
  return Details(
      {{"concept", value.name()},
       {"description", value.description()},
       {"source", SourceName(value.source())},
       {"terms", Terms(value)},
       {"group", GroupText(value)},
       {"verified", TestedText(value)},
       {"  predictive", value.has_tests() ? PredictiveText(tests.predictive()) : ""},
       {"  specific", tests.has_specific() ? SpecificText(tests.specific()) : ""},
       {"  causal", tests.has_causal() ? CausalText(tests.causal()) : ""},
       {"    histories", tests.has_causal() ? PairsText(tests.causal()) : ""},
       {"  stable", tests.has_stable() ? StableText(tests.stable()) : ""},
       {"paper's protocol", value.has_paper_score() ? PaperText(value.paper_score()) : ""},
       {"fires on", value.has_statistics()
                        ? absl::StrCat(FormatCount(statistics.active_row_count()), " of ",
                                       Plural(statistics.row_count(), "row"), ", mean ",
                                       FormatNumber(statistics.mean()), ", deviation ",
                                       FormatNumber(statistics.standard_deviation()), ", max ",
                                       FormatNumber(statistics.max()))
                        : ""},
       {"judged by a model", JudgedTexts(value)},
       {"strongest cases", absl::StrJoin(evidence, ", ")},
       {"revision", FormatCount(value.revision())},
       {"etag", value.etag()},
       {"changed", FormatTime(value.update_time())}});
}

Cell CorrelationCell(double correlation, bool verified) {
  if (correlation == 0 && !verified) return "";
  return {absl::StrCat(FormatFixed(correlation, 2), verified ? " ✓" : "  "),
          verified ? Color::kGreen : Color::kPlain};
}

namespace {

const std::vector<Column>& ConceptColumns() {
  static const auto& columns = *new std::vector<Column>{{"LATENT", true},
                                                        {"CORRELATION", true},
                                                        {"FIRES ON", true},
                                                        {"LATENTS", true},
                                                        {"DESCRIPTION", false, true}};
  return columns;
}

std::vector<Cell> ConceptRow(const Concept& value) {
  const concept_store::v1::LatentStatistics& statistics = value.statistics();
  const double rows = static_cast<double>(statistics.row_count());
  return {
      absl::StrCat("#", value.latent()),
      CorrelationCell(value.tests().predictive().correlation(), value.tests().verified()),
      rows > 0 ? FormatPercent(static_cast<double>(statistics.active_row_count()) / rows, 2) : "",
      value.group().size() > 1 ? FormatCount(value.group().size()) : "", value.description()};
}

// "meaning 0.63", "words"; "words 0.71" where it was compared as well.
Cell HowFound(const concept_store::v1::SearchConceptsResponse::Match& match) {
  const std::string similarity =
      match.has_similarity() ? absl::StrCat(" ", FormatFixed(match.similarity(), 2)) : "";
  if (match.by_meaning()) return {absl::StrCat("meaning", similarity), Color::kDim};
  return absl::StrCat("words", similarity);
}

}  // namespace

Table NewConceptTable() { return Table(ConceptColumns()); }

void AddConcept(const Concept& value, Table& table) { table.Add(ConceptRow(value)); }

Table SearchTable(const concept_store::v1::SearchConceptsResponse& response) {
  const bool compared = response.meaning().compared_count() > 0;
  std::vector<Column> columns = ConceptColumns();
  if (compared) columns.push_back({"FOUND BY"});
  Table table(columns);
  for (const auto& match : response.matches()) {
    std::vector<Cell> row = ConceptRow(match.latent_concept());
    if (compared) row.push_back(HowFound(match));
    table.Add(std::move(row));
  }
  return table;
}

std::string MeaningGap(const concept_store::v1::SearchConceptsResponse::Meaning& meaning) {
  const bool meant = meaning.reason() != "EMBEDDINGS_OFF" && meaning.reason() != "WORDS_ONLY";
  if (!meant || meaning.not_compared_count() == 0) return "";
  const int all = meaning.compared_count() + meaning.not_compared_count();
  return absl::StrCat(FormatCount(meaning.not_compared_count()), " of ", FormatCount(all),
                      " concepts were not compared by meaning: ", Clean(meaning.message()));
}

Table TestTable(const ConceptReport& report) {
  Table table({{"LATENTS BY THE TESTS THEY PASS"},
               {"ALL", true},
               {"DESCRIBED", true},
               {"PREDICTIVE", true},
               {"SPECIFIC", true},
               {"CAUSAL", true},
               {"VERIFIED", true}});
  for (const TestCounts& counts : report.tests()) {
    const bool trained = counts.kind() == DictionaryScore::KIND_TRAINED;
    const Color color = trained ? Color::kPlain : Color::kDim;
    table.Add({{DictionaryTitle(counts.kind(), "?"), color},
               {FormatCount(counts.latent_count()), color},
               {FormatCount(counts.described_count()), color},
               {FormatCount(counts.predictive_count()), color},
               {FormatCount(counts.specific_count()), color},
               {FormatCount(counts.causal_count()), color},
               {FormatCount(counts.verified_count()), trained ? Color::kBold : color}});
  }
  return table;
}

Table PaperTable(const ConceptReport& report) {
  Table table({{"THE PAPER'S PROTOCOL, STATISTICAL JUDGE"},
               {"= 1", true},
               {">= .9", true},
               {">= .8", true},
               {"JUDGED", true}});
  const auto add = [&](const std::string& name, const ConfidenceCounts& counts, Color color) {
    table.Add({{name, color},
               {FormatCount(counts.confidence_100_count()), color},
               {FormatCount(counts.confidence_90_count()), color},
               {FormatCount(counts.confidence_80_count()), color},
               {FormatCount(counts.total_count()), color}});
  };
  add("SAE", report.paper(), Color::kPlain);
  add("  descriptions shuffled", report.paper_control(), Color::kDim);
  for (const TestCounts& counts : report.tests()) {
    if (counts.has_paper()) add(DictionaryTitle(counts.kind(), "?"), counts.paper(), Color::kDim);
  }
  return table;
}

Table ConceptCounts(const ConceptReport& report) {
  std::string rows = FormatCount(report.row_count());
  if (report.row_without_user_count() > 0) {
    absl::StrAppend(&rows, " (", FormatCount(report.row_without_user_count()),
                    " without a user, each taken as a user of its own)");
  }
  return Details(
      {{"described", Plural(report.concept_count(), "latent")},
       {"too rare", FormatCount(report.too_rare_count())},
       {"never active", FormatCount(report.dead_count())},
       {"groups", absl::StrCat(FormatCount(report.group_count()), ", ",
                               FormatCount(report.verified_group_count()), " of them verified")},
       {"found again", report.stable_count() == 0 ? ""
                                                  : absl::StrCat(FormatCount(report.stable_count()),
                                                                 " in every reference SAE")},
       {"not tested", report.untested()},
       {"rows looked at", rows}});
}

namespace {

using explainer::v1::EmbeddingJudgeReport;
using Score = explainer::v1::LanguageModelReport::Score;

std::string FormatMean(const Score& score) { return absl::StrFormat("%.3f", score.mean()); }

std::string FormatInterval(const Score& score) {
  return absl::StrFormat("%.3f to %.3f", score.low(), score.high());
}

}  // namespace

Table LanguageTable(const explainer::v1::LanguageModelReport& report) {
  Table table({{absl::StrCat("CASES TOLD RIGHT BY ", report.model())},
               {"MEAN", true},
               {"95 % INTERVAL", true},
               {"LATENTS", true}});
  const auto add = [&](const std::string& name, const Score& score, Color color) {
    if (score.latent_count() == 0) return;
    table.Add({{name, color},
               {FormatMean(score), color},
               {FormatInterval(score), color},
               {FormatCount(score.latent_count()), color}});
  };
  add("its descriptions", report.own(), Color::kPlain);
  add("the statistical ones", report.statistical(), Color::kPlain);
  add("  dealt to other latents (chance: .5)", report.control(), Color::kDim);
  return table;
}

Table LanguageCounts(const explainer::v1::LanguageModelReport& report) {
  std::string retest = "no latent was judged twice";
  if (report.retest_case_count() > 0) {
    retest = absl::StrFormat("%.1f %% of %s, kappa %.2f", 100 * report.retest_agreement(),
                             Plural(report.retest_case_count(), "case"), report.retest_kappa());
  }
  return Details(
      {{"paper's confidence >= .8",
        absl::StrCat(FormatCount(report.paper().confidence_80_count()), " of ",
                     FormatCount(report.paper().total_count()), "; control ",
                     FormatCount(report.paper_control().confidence_80_count()), " of ",
                     FormatCount(report.paper_control().total_count()))},
       {"shown", absl::StrCat(Plural(report.chosen_count(), "description"), " of the model")},
       {"judged twice alike", retest},
       {"answers without use", FormatCount(report.unreadable_count())},
       {"calls paid",
        absl::StrCat(FormatCount(report.call_count()), ", ", FormatCount(report.token_count()),
                     " tokens; ", FormatCount(report.remembered_count()),
                     " answers were there already")},
       {"prompts", report.prompt_hash().substr(0, 12)},
       {"stopped", report.stopped()}});
}

Table EmbeddingTable(const EmbeddingJudgeReport& report) {
  Table table({{absl::StrCat("BY EMBEDDINGS OF ", report.model())},
               {"NEARER", true},
               {"95 % INTERVAL", true},
               {"TOLD RIGHT", true},
               {"95 % INTERVAL", true},
               {"CONF. >= .8", true},
               {"LATENTS", true}});
  const auto add = [&](const std::string& name, const EmbeddingJudgeReport::Figures& figures,
                       Color color) {
    if (figures.nearer().latent_count() == 0) return;
    table.Add({{name, color},
               {FormatMean(figures.nearer()), color},
               {FormatInterval(figures.nearer()), color},
               {FormatMean(figures.told()), color},
               {FormatInterval(figures.told()), color},
               {FormatCount(figures.paper().confidence_80_count()), color},
               {FormatCount(figures.nearer().latent_count()), color}});
  };
  add("the language model's descriptions", report.language_model(), Color::kPlain);
  add("the statistical ones", report.statistical(), Color::kPlain);
  add("  dealt to other latents (chance: .5)", report.control(), Color::kDim);
  return table;
}

Table EmbeddingCounts(const EmbeddingJudgeReport& report) {
  return Details({{"texts", absl::StrCat(FormatCount(report.text_count()), ", ",
                                         FormatCount(report.paid_count()), " embedded now")},
                  {"latents left out", FormatCount(report.left_out_count())},
                  {"stopped", report.stopped()}});
}

void AddTests(const ConceptReport& report, nlohmann::ordered_json& json) {
  if (!report.untested().empty()) json["untested"] = report.untested();
  for (const TestCounts& counts : report.tests()) {
    if (counts.kind() == DictionaryScore::KIND_TRAINED) json["verified"] = counts.verified_count();
    nlohmann::ordered_json& of = json["tests"][DictionaryKey(counts.kind(), "?")];
    of = {{"latents", counts.latent_count()},        {"described", counts.described_count()},
          {"predictive", counts.predictive_count()}, {"specific", counts.specific_count()},
          {"causal", counts.causal_count()},         {"verified", counts.verified_count()}};
    if (counts.has_paper()) of["paper_ge_0.8"] = counts.paper().confidence_80_count();
  }
}

}  // namespace recsae::cli
