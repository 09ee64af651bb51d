#include "clients/cli/reproduce/measurement.h"

#include <algorithm>
#include <set>

#include "clients/cli/render/comparison.h"
#include "clients/cli/render/concepts.h"
#include "clients/cli/render/render.h"

namespace recsae::cli {
namespace {

using concept_store::v1::Concept;
using concept_store::v1::JudgedDescription;
using explainer::v1::LanguageModelReport;
using nlohmann::ordered_json;

constexpr size_t kItemsOfConcept = 3;
constexpr int kTermsOfConcept = 3;
const char* const kRanking[] = {"hr@10", "ndcg@10", "hr@20", "ndcg@20"};

// Without what is not measured.
ordered_json RankingJson(const explainer::v1::RankingMetrics& metrics) {
  ordered_json json = ordered_json::object();
  if (metrics.has_hr_at_10()) json["hr@10"] = metrics.hr_at_10();
  if (metrics.has_ndcg_at_10()) json["ndcg@10"] = metrics.ndcg_at_10();
  if (metrics.has_hr_at_20()) json["hr@20"] = metrics.hr_at_20();
  if (metrics.has_ndcg_at_20()) json["ndcg@20"] = metrics.ndcg_at_20();
  return json;
}

ordered_json CountsJson(const explainer::v1::ConfidenceCounts& counts) {
  return {{"eq_1", counts.confidence_100_count()},
          {"ge_0.9", counts.confidence_90_count()},
          {"ge_0.8", counts.confidence_80_count()},
          {"all", counts.total_count()}};
}

ordered_json ScoreJson(const LanguageModelReport::Score& score) {
  ordered_json json = {{"latents", score.latent_count()}};
  if (score.latent_count() > 0) {
    json.update({{"mean", score.mean()}, {"low", score.low()}, {"high", score.high()}});
  }
  return json;
}

ordered_json LanguageJson(const LanguageModelReport& report) {
  ordered_json json = {{"model", report.model()},
                       {"prompt_hash", report.prompt_hash()},
                       {"own", ScoreJson(report.own())},
                       {"statistical", ScoreJson(report.statistical())},
                       {"dealt", ScoreJson(report.control())},
                       {"paper", CountsJson(report.paper())},
                       {"control", CountsJson(report.paper_control())},
                       {"unreadable", report.unreadable_count()},
                       {"calls", report.call_count()},
                       {"tokens", report.token_count()},
                       {"remembered", report.remembered_count()}};
  if (report.retest_case_count() > 0) {
    json["retest"] = {{"cases", report.retest_case_count()},
                      {"agreement", report.retest_agreement()},
                      {"kappa", report.retest_kappa()}};
  }
  if (!report.stopped().empty()) json["stopped"] = report.stopped();
  return json;
}

// What the concept's latest judge said of its own description or of the statistical one; null where
// it said nothing.
const JudgedDescription* Judged(const Concept& value, Concept::Source author) {
  for (const JudgedDescription& judged : value.descriptions()) {
    if (judged.author() == author) return &judged;
  }
  return nullptr;
}

std::string StatisticalDescription(const Concept& value) {
  if (value.source() != Concept::SOURCE_LANGUAGE_MODEL) return value.description();
  const auto* const judged = Judged(value, Concept::SOURCE_STATISTICAL_LABELER);
  return judged == nullptr ? value.paper_score().description() : judged->text();
}

ordered_json JudgedJson(const Concept& value) {
  ordered_json json = ordered_json::object();
  for (const auto& [key, author] :
       {std::pair("own", Concept::SOURCE_LANGUAGE_MODEL),
        std::pair("statistical", Concept::SOURCE_STATISTICAL_LABELER)}) {
    const JudgedDescription* const judged = Judged(value, author);
    if (judged == nullptr) continue;
    json[key] = {{"text", judged->text()},
                 {"score", judged->score()},
                 {"precision", judged->precision()},
                 {"recall", judged->recall()}};
  }
  return json;
}

// Surest by the paper's protocol, then by held-out correlation, then those that fire most.
bool Before(const Concept& a, const Concept& b) {
  const auto key = [](const Concept& value) {
    return std::tuple(-value.paper_score().confidence(), -value.tests().predictive().correlation(),
                      -value.statistics().active_row_count(), value.latent());
  };
  return key(a) < key(b);
}

ordered_json ItemsJson(const Concept& value, const Items& items) {
  ordered_json json = ordered_json::array();
  std::set<std::string> seen;
  for (const auto& evidence : value.evidence()) {
    const std::string& id = evidence.recommended_item_id();
    if (id.empty() || json.size() == kItemsOfConcept || !seen.insert(id).second) continue;
    const auto item = items.find(id);
    json.push_back({{"id", id},
                    {"title", item == items.end() ? "" : item->second.title()},
                    {"activation", evidence.activation()}});
  }
  return json;
}

}  // namespace

ordered_json RecommenderJson(const probe::v1::Recommender& recommender) {
  ordered_json metrics = ordered_json::object();
  const auto& all = recommender.metrics();
  for (const char* name : kRanking) {
    const auto found = all.find(std::string("test_") + name);
    if (found != all.end()) metrics[name] = found->second;
  }
  const auto seconds = all.find("train_seconds");
  return {{"kind", KindName(recommender.kind())},
          {"activation_dim", recommender.activation_dim()},
          {"metrics", metrics},
          {"train_seconds", seconds == all.end() ? 0 : seconds->second}};
}

ordered_json SaeJson(const concept_store::v1::Sae& sae, const explainer::v1::Evaluation& evaluation,
                     const explainer::v1::ConceptReport& concepts, double variance) {
  ordered_json json = {{"original", RankingJson(evaluation.recommender())},
                       {"reconstructed", RankingJson(evaluation.reconstructed())},
                       {"rows", evaluation.row_count()},
                       {"fvu", evaluation.fvu()},
                       {"l0", evaluation.l0()},
                       {"rbo", evaluation.rbo()},
                       {"mse", evaluation.fvu() * variance / sae.activation_dim()}};
  json["sae"] = {{"d", sae.activation_dim()},
                 {"latents", sae.latent_count()},
                 {"k", sae.k()},
                 {"train_fvu", sae.report().fvu()},
                 {"dead_fraction", sae.report().dead_fraction()},
                 {"train_rows", sae.report().row_count()},
                 {"train_seconds", sae.report().seconds()}};
  json["concepts"] = {{"described", concepts.concept_count()},
                      {"too_rare", concepts.too_rare_count()},
                      {"dead", concepts.dead_count()},
                      {"paper", CountsJson(concepts.paper())},
                      {"control", CountsJson(concepts.paper_control())}};
  AddTests(concepts, json["concepts"]);
  if (concepts.has_language_model()) {
    json["concepts"]["language_model"] = LanguageJson(concepts.language_model());
  }
  AddComparison(evaluation, json);
  const auto& similarity = evaluation.similarity();
  json["similarity"] = {{"concepts", similarity.concept_count()}};
  // Without concepts there is nothing to compare.
  if (similarity.concept_count() > 0) json["similarity"]["intra"] = similarity.intra();
  if (similarity.concept_count() > 1) json["similarity"]["inter"] = similarity.inter();
  json["attributes"] = ordered_json::array();
  for (const auto& score : evaluation.attributes()) {
    json["attributes"].push_back({{"key", score.key()},
                                  {"value", score.value()},
                                  {"rows", score.positive_count()},
                                  {"latent", score.latent()},
                                  {"auc", score.latent_auc()},
                                  {"dimension_auc", score.dimension_auc()}});
  }
  return json;
}

void AddPrecision(const std::vector<Concept>& concepts, ordered_json& json) {
  struct Sum {
    double precision = 0;
    double recall = 0;
    int count = 0;
  };
  const auto add = [](const auto& scored, Sum& sum) {
    sum.precision += scored.precision();
    sum.recall += scored.recall();
    ++sum.count;
  };
  const auto put = [](const Sum& sum, ordered_json& counts) {
    if (sum.count == 0) return;
    counts["precision"] = sum.precision / sum.count;
    counts["recall"] = sum.recall / sum.count;
  };
  Sum statistical;
  Sum models;
  for (const Concept& value : concepts) {
    if (value.has_paper_score()) add(value.paper_score(), statistical);
    const JudgedDescription* const own = Judged(value, Concept::SOURCE_LANGUAGE_MODEL);
    if (own != nullptr) add(*own, models);
  }
  put(statistical, json["paper"]);
  if (json.contains("language_model")) put(models, json["language_model"]["paper"]);
}

ordered_json ExamplesJson(const std::vector<Concept>& concepts, const Items& items) {
  std::vector<const Concept*> ordered;
  for (const Concept& value : concepts) {
    if (!value.description().empty()) ordered.push_back(&value);
  }
  std::sort(ordered.begin(), ordered.end(),
            [](const Concept* a, const Concept* b) { return Before(*a, *b); });
  ordered_json examples = ordered_json::array();
  for (const Concept* value : ordered) {
    ordered_json json = {{"latent", value->latent()},
                         {"description", StatisticalDescription(*value)},
                         {"correlation", value->tests().predictive().correlation()},
                         {"verified", value->tests().verified()},
                         {"rows", value->statistics().active_row_count()}};
    if (value->has_paper_score()) json["paper_confidence"] = value->paper_score().confidence();
    if (ordered_json judged = JudgedJson(*value); !judged.empty()) {
      json["language_model"] = std::move(judged);
    }
    json["terms"] = ordered_json::array();
    for (int i = 0; i < std::min(kTermsOfConcept, value->terms_size()); ++i) {
      json["terms"].push_back({{"text", value->terms(i).text()}, {"kind", value->terms(i).kind()}});
    }
    json["items"] = ItemsJson(*value, items);
    examples.push_back(std::move(json));
  }
  return examples;
}

}  // namespace recsae::cli
