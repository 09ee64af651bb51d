#include "clients/cli/render/report.h"

#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "clients/cli/render/comparison.h"
#include "clients/cli/render/concepts.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

// The attribute that names an item's planted concept.
constexpr char kPlantedKey[] = "concept";

// Null for what is not known.
ordered_json Lists(const explainer::v1::ListQuality& lists) {
  if (lists.list_count() == 0) return {};
  const auto known = [](bool there, double value) {
    return there ? ordered_json(value) : ordered_json();
  };
  return {{"coverage", lists.coverage()},
          {"gini", lists.gini()},
          {"tail_share", known(lists.has_tail_share(), lists.tail_share())},
          {"novelty", known(lists.has_novelty(), lists.novelty())},
          {"diversity", known(lists.has_diversity(), lists.diversity())}};
}

// Null for what is not measured.
ordered_json Ranking(const explainer::v1::RankingMetrics& metrics) {
  const auto measured = [](bool there, double value) {
    return there ? ordered_json(value) : ordered_json();
  };
  return {{"hr@10", measured(metrics.has_hr_at_10(), metrics.hr_at_10())},
          {"ndcg@10", measured(metrics.has_ndcg_at_10(), metrics.ndcg_at_10())},
          {"hr@20", measured(metrics.has_hr_at_20(), metrics.hr_at_20())},
          {"ndcg@20", measured(metrics.has_ndcg_at_20(), metrics.ndcg_at_20())},
          {"lists", Lists(metrics.lists())}};
}

}  // namespace

std::vector<PlantedScore> ScorePlanted(const explainer::v1::Evaluation& evaluation,
                                       const std::vector<concept_store::v1::Concept>& concepts) {
  std::map<int, std::string> descriptions;
  for (const auto& value : concepts) descriptions[value.latent()] = value.description();
  std::vector<PlantedScore> scores;
  for (const explainer::v1::AttributeScore& attribute : evaluation.attributes()) {
    if (attribute.key() != kPlantedKey) continue;
    PlantedScore score;
    score.planted = attribute.value();
    score.latent = attribute.latent();
    score.auc = attribute.latent_auc();
    score.description = descriptions[attribute.latent()];
    score.named = absl::StrContains(absl::AsciiStrToLower(score.description),
                                    absl::AsciiStrToLower(score.planted));
    scores.push_back(score);
  }
  return scores;
}

ordered_json ReportJson(const PipelineResult& result) {
  const concept_store::v1::TrainingReport& training = result.sae.report();
  const explainer::v1::ConceptReport& concepts = result.concepts;
  const explainer::v1::Similarity& similarity = result.evaluation.similarity();
  ordered_json json;
  json["recommender"] = Ranking(result.evaluation.recommender());
  json["reconstructed"] = Ranking(result.evaluation.reconstructed());
  json["evaluation"] = {{"rows", result.evaluation.row_count()},
                        {"rows_seen_in_history", result.evaluation.seen_row_count()},
                        {"warnings", ordered_json::array()}};
  for (const std::string& warning : result.evaluation.warnings())
    json["evaluation"]["warnings"].push_back(warning);
  json["sae"] = {{"d", result.sae.activation_dim()},
                 {"latents", result.sae.latent_count()},
                 {"k", result.sae.k()},
                 {"fvu", training.fvu()},
                 {"dead_fraction", training.dead_fraction()},
                 {"rows", training.row_count()},
                 {"distinct_rows", training.distinct_row_count()},
                 {"epochs", training.epoch_count()}};
  for (const std::string& warning : training.warnings()) json["sae"]["warnings"].push_back(warning);
  AddComparison(result.evaluation, json);
  json["concepts"] = {{"total", concepts.concept_count()},
                      {"confidence_eq_1", concepts.paper().confidence_100_count()},
                      {"confidence_ge_0.9", concepts.paper().confidence_90_count()},
                      {"confidence_ge_0.8", concepts.paper().confidence_80_count()},
                      {"control_ge_0.8", concepts.paper_control().confidence_80_count()},
                      {"groups", concepts.group_count()},
                      {"verified_groups", concepts.verified_group_count()}};
  AddTests(concepts, json["concepts"]);
  json["similarity"] = {{"intra", similarity.intra()},
                        {"inter", similarity.inter()},
                        {"count", similarity.concept_count()}};
  for (const auto& [stage, seconds] : result.seconds) json["seconds"][stage] = seconds;
  json["dataset"]["test_rows"] = result.dataset.test_row_count();
  json["dataset"]["test_rows_seen_in_training"] = result.dataset.test_seen_row_count();
  json["dataset"]["remarks"] = ordered_json::array();
  for (const probe::v1::DatasetRemark& remark : result.dataset.remarks()) {
    json["dataset"]["remarks"].push_back(
        {{"code", remark.code()}, {"count", remark.count()}, {"text", remark.text()}});
  }
  json["seed"] = result.seed;
  json["version"] = result.version;
  for (const PlantedScore& score : result.planted) {
    json["planted"].push_back({{"concept", score.planted},
                               {"latent", score.latent},
                               {"auc", score.auc},
                               {"description", score.description},
                               {"named", score.named}});
  }
  return json;
}

}  // namespace recsae::cli
