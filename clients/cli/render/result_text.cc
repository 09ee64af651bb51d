#include "clients/cli/render/result_text.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
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
using explainer::v1::ListQuality;
using explainer::v1::RankingMetrics;

namespace {

// HR@10, NDCG@10, HR@20 and NDCG@20; those that are not measured are empty.
std::array<std::optional<double>, 4> ShownMeasures(const RankingMetrics& metrics) {
  const auto if_there = [](bool there, double value) {
    return there ? std::optional<double>(value) : std::nullopt;
  };
  return {if_there(metrics.has_hr_at_10(), metrics.hr_at_10()),
          if_there(metrics.has_ndcg_at_10(), metrics.ndcg_at_10()),
          if_there(metrics.has_hr_at_20(), metrics.hr_at_20()),
          if_there(metrics.has_ndcg_at_20(), metrics.ndcg_at_20())};
}

constexpr char kNotMeasured[] = "n/a";

}  // namespace

Table RankingTable(const Evaluation& evaluation) {
  Table table(
      {{"TEST-ALL"}, {"HR@10", true}, {"NDCG@10", true}, {"HR@20", true}, {"NDCG@20", true}});
  const auto whole = ShownMeasures(evaluation.recommender());
  const auto after = ShownMeasures(evaluation.reconstructed());
  std::vector<Cell> first = {"recommender"}, second = {"reconstructed"}, kept = {"kept"};
  for (size_t i = 0; i < whole.size(); ++i) {
    const bool both = whole[i].has_value() && after[i].has_value();
    first.emplace_back(whole[i] ? FormatFixed(*whole[i], 4) : kNotMeasured);
    second.emplace_back(after[i] ? FormatFixed(*after[i], 4) : kNotMeasured);
    kept.emplace_back(both && *whole[i] > 0 ? FormatPercent(*after[i] / *whole[i]) : "",
                      Color::kBold);
  }
  table.Add(first);
  table.Add(second);
  table.Add(kept);
  return table;
}

Table ListQualityTable(const Evaluation& evaluation) {
  Table table({{"FIRST TEN"},
               {"COVERAGE", true},
               {"GINI", true},
               {"LONG TAIL", true},
               {"NOVELTY", true},
               {"DIVERSITY", true}});
  const auto add = [&](const char* name, const ListQuality& lists) {
    table.Add({name, FormatPercent(lists.coverage()), FormatFixed(lists.gini(), 3),
               lists.has_tail_share() ? FormatPercent(lists.tail_share()) : kNotMeasured,
               lists.has_novelty() ? absl::StrCat(FormatFixed(lists.novelty(), 2), " bits")
                                   : kNotMeasured,
               lists.has_diversity() ? FormatFixed(lists.diversity(), 3) : kNotMeasured});
  };
  if (evaluation.recommender().lists().list_count() == 0) return table;
  add("recommender", evaluation.recommender().lists());
  add("reconstructed", evaluation.reconstructed().lists());
  return table;
}

Table PopularityTable(const Evaluation& evaluation, int shown) {
  Table table({{"POPULARITY", true},
               {"RECOMMENDED", true},
               {"READ", true},
               {"EFFECT", true},
               {"CONCEPT", false, true}});
  const auto& popularity = evaluation.popularity();
  for (int i = 0; i < std::min(shown, popularity.latents_size()); ++i) {
    const auto& latent = popularity.latents(i);
    table.Add({absl::StrCat(latent.latent()), FormatFixed(latent.recommended_correlation(), 2),
               FormatFixed(latent.read_correlation(), 2), FormatFixed(latent.effect(), 2),
               latent.description()});
  }
  return table;
}

std::string PopularityNote(const Evaluation& evaluation) {
  const auto& popularity = evaluation.popularity();
  if (!popularity.missing().empty()) return absl::StrCat("popularity: ", popularity.missing());
  if (popularity.latents().empty()) return "";
  return absl::StrCat(
      "correlation with the popularity of what is recommended and read, and Cohen's d between ",
      popularity.made_up_profiles() ? "made-up histories" : "the users who read",
      " of popular and of unpopular items; with counts dealt out anew up to ",
      FormatFixed(popularity.shuffled_correlation(), 2), " and ",
      FormatFixed(popularity.shuffled_effect(), 2));
}

Table EvaluationDetails(const Evaluation& evaluation) {
  const auto& similarity = evaluation.similarity();
  return Details(
      {{"rows", FormatCount(evaluation.row_count())},
       {"of them seen before", evaluation.seen_row_count() == 0
                                   ? ""
                                   : absl::StrCat(FormatCount(evaluation.seen_row_count()),
                                                  " (the held-out item is in the history, too)")},
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
