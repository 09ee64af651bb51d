#include "clients/cli/render/result_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/flags/hyper_parameter_flags.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::cli {

using explainer::v1::AttributeScore;
using explainer::v1::Evaluation;
using explainer::v1::RankingMetrics;

Table RankingTable(const Evaluation& evaluation) {
  Table table(
      {{"TEST-ALL"}, {"HR@10", true}, {"NDCG@10", true}, {"HR@20", true}, {"NDCG@20", true}});
  const auto add = [&](const char* name, const RankingMetrics& metrics) {
    table.Add({name, FormatFixed(metrics.hr_at_10(), 4), FormatFixed(metrics.ndcg_at_10(), 4),
               FormatFixed(metrics.hr_at_20(), 4), FormatFixed(metrics.ndcg_at_20(), 4)});
  };
  const RankingMetrics& whole = evaluation.recommender();
  const RankingMetrics& kept = evaluation.reconstructed();
  add("recommender", whole);
  add("reconstructed", kept);
  const auto share = [](double part, double all) {
    return Cell(all > 0 ? FormatPercent(part / all) : "", Color::kBold);
  };
  table.Add({"kept", share(kept.hr_at_10(), whole.hr_at_10()),
             share(kept.ndcg_at_10(), whole.ndcg_at_10()), share(kept.hr_at_20(), whole.hr_at_20()),
             share(kept.ndcg_at_20(), whole.ndcg_at_20())});
  return table;
}

Table EvaluationDetails(const Evaluation& evaluation) {
  const auto& similarity = evaluation.similarity();
  return Details(
      {{"rows", FormatCount(evaluation.row_count())},
       {"top-10 overlap", absl::StrCat(FormatFixed(evaluation.rbo(), 3), " (rank-biased)")},
       {"FVU on these rows", FormatNumber(evaluation.fvu())},
       {"L0", FormatNumber(evaluation.l0())},
       {"similarity", absl::StrCat("within concepts ", FormatFixed(similarity.intra(), 3),
                                   ", between ", FormatFixed(similarity.inter(), 3), " (",
                                   Plural(similarity.concept_count(), "concept"), ")")}});
}

Table SweepTable(const trainer::v1::TrainSaesResult& result) {
  Table table({{"SAE", false, true},
               {"ARCHITECTURE"},
               {"LATENTS", true},
               {"K", true},
               {"EPOCHS", true},
               {"FVU", true},
               {"L0", true},
               {"DEAD", true},
               {"SECONDS", true}});
  for (const concept_store::v1::Sae& sae : result.saes()) {
    const concept_store::v1::TrainingReport& report = sae.report();
    table.Add({ShortName(sae.name()), ArchitectureName(sae.architecture()),
               FormatCount(sae.latent_count()), absl::StrCat(sae.k()),
               absl::StrCat(report.epoch_count()), FormatFixed(report.fvu(), 4),
               FormatFixed(report.l0(), 2), FormatPercent(report.dead_fraction()),
               FormatFixed(report.seconds(), 1)});
  }
  return table;
}

Table AttributeTable(const Evaluation& evaluation, int count) {
  std::vector<AttributeScore> scores(evaluation.attributes().begin(),
                                     evaluation.attributes().end());
  std::stable_sort(scores.begin(), scores.end(),
                   [](const AttributeScore& a, const AttributeScore& b) {
                     return a.latent_auc() > b.latent_auc();
                   });
  if (count >= 0 && scores.size() > static_cast<size_t>(count)) scores.resize(count);
  Table table({{"ATTRIBUTE", false, true},
               {"ROWS", true},
               {"BEST LATENT", true},
               {"AUC", true},
               {"BEST RAW DIMENSION", true},
               {"AUC", true}});
  for (const AttributeScore& score : scores) {
    table.Add({absl::StrCat(score.key(), " ", score.value()), FormatCount(score.positive_count()),
               absl::StrCat("#", score.latent()), FormatFixed(score.latent_auc(), 3),
               absl::StrCat(score.dimension()), FormatFixed(score.dimension_auc(), 3)});
  }
  return table;
}

}  // namespace recsae::cli
