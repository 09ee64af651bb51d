#include "clients/cli/render/steering_evaluation.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using explainer::v1::AttributeSteering;
using explainer::v1::Estimate;
using explainer::v1::MatchedSteering;
using explainer::v1::SteeringCurve;
using explainer::v1::SteeringEvaluation;
using explainer::v1::SteeringFigures;
using explainer::v1::SteeringLeak;
using explainer::v1::SteeringMethod;
using explainer::v1::SteeringVerdict;

constexpr char kNone[] = "–";

// Shown at matched effect, in this order.
constexpr std::array kShownMethods = {explainer::v1::STEERING_METHOD_FITTED,
                                      explainer::v1::STEERING_METHOD_CONCEPT,
                                      explainer::v1::STEERING_METHOD_LATENT,
                                      explainer::v1::STEERING_METHOD_ITEM_MEAN,
                                      explainer::v1::STEERING_METHOD_ACTIVATION_MEAN,
                                      explainer::v1::STEERING_METHOD_RANDOM_LATENTS,
                                      explainer::v1::STEERING_METHOD_NOISE};

std::string NameOf(const explainer::v1::CatalogAttribute& attribute) {
  return absl::StrCat(attribute.key(), ":", attribute.value());
}

std::string WithInterval(const Estimate& estimate, int decimals) {
  return absl::StrCat(FormatFixed(estimate.value(), decimals), " [",
                      FormatFixed(estimate.low(), decimals), ", ",
                      FormatFixed(estimate.high(), decimals), "]");
}

const MatchedSteering* Find(const AttributeSteering& attribute, SteeringMethod method) {
  for (const MatchedSteering& matched : attribute.matched()) {
    if (matched.method() == method) return &matched;
  }
  return nullptr;
}

// "94.1 %", or the share that was reached where it is not the one asked for.
Cell KeptCell(const AttributeSteering& attribute, SteeringMethod method) {
  const MatchedSteering* matched = Find(attribute, method);
  if (matched == nullptr) return Cell(kNone);
  const SteeringFigures& figures = matched->figures();
  if (!matched->reached()) {
    return Cell(absl::StrCat("share ", FormatFixed(figures.share().value(), 3)), Color::kDim);
  }
  return Cell(FormatPercent(figures.ndcg_kept().value()));
}

const SteeringLeak* FindLeak(const AttributeSteering& attribute, SteeringLeak::Label label,
                             SteeringLeak::From from) {
  for (const SteeringLeak& leak : attribute.leaks()) {
    if (leak.label() == label && leak.from() == from) return &leak;
  }
  return nullptr;
}

}  // namespace

std::string MethodName(SteeringMethod method) {
  switch (method) {
    case explainer::v1::STEERING_METHOD_CONCEPT:
      return "concept";
    case explainer::v1::STEERING_METHOD_LATENT:
      return "latent";
    case explainer::v1::STEERING_METHOD_FITTED:
      return "fitted";
    case explainer::v1::STEERING_METHOD_ITEM_MEAN:
      return "item mean";
    case explainer::v1::STEERING_METHOD_ACTIVATION_MEAN:
      return "activation mean";
    case explainer::v1::STEERING_METHOD_RANDOM_LATENTS:
      return "random latents";
    case explainer::v1::STEERING_METHOD_NOISE:
      return "noise";
    case explainer::v1::STEERING_METHOD_WRONG_SIGN:
      return "wrong sign";
    default:
      return "?";
  }
}

Table SteeringDetails(const SteeringEvaluation& evaluation) {
  const SteeringFigures& unsteered = evaluation.unsteered();
  return Details({
      {"SAE", ShortName(evaluation.sae())},
      {"measured", absl::StrCat(Plural(evaluation.user_count(), "user"), ", ",
                                Plural(evaluation.row_count(), "row"))},
      {"chosen on", Plural(evaluation.describing_user_count(), "other user")},
      {"without steering",
       absl::StrCat("NDCG@10 ", WithInterval(unsteered.ndcg_at_10(), 4), ", HR@10 ",
                    FormatFixed(unsteered.hr_at_10(), 4), ", coverage ",
                    FormatPercent(unsteered.coverage()), ", long tail ",
                    FormatPercent(unsteered.long_tail_share()))},
  });
}

Table MatchedTable(const SteeringEvaluation& evaluation) {
  std::vector<Column> columns = {
      {"ATTRIBUTE", false, true}, {"SHARE", true}, {"AIM", true}, {"DOSE", true}};
  for (const SteeringMethod method : kShownMethods) columns.push_back({MethodName(method), true});
  Table table(columns);
  for (const AttributeSteering& attribute : evaluation.attributes()) {
    const MatchedSteering* fitted = Find(attribute, explainer::v1::STEERING_METHOD_FITTED);
    if (fitted == nullptr) continue;
    std::vector<Cell> row = {NameOf(attribute.attribute()), FormatFixed(attribute.share(), 3),
                             FormatFixed(attribute.matched_share(), 3),
                             FormatFixed(fitted->figures().dose(), 2)};
    for (const SteeringMethod method : kShownMethods) row.push_back(KeptCell(attribute, method));
    table.Add(std::move(row));
  }
  return table;
}

Table SteeringVerdictTable(const SteeringEvaluation& evaluation) {
  Table table({{"FITTED AGAINST"},
               {"KEEPS AS MUCH", true},
               {"OF", true},
               {"NOT REACHED", true},
               {"NO EFFECT AT SAME LENGTH", true}});
  for (const SteeringVerdict& verdict : evaluation.verdicts()) {
    table.Add({MethodName(verdict.method()), FormatCount(verdict.kept_as_much_count()),
               FormatCount(verdict.attribute_count()), FormatCount(verdict.not_reached_count()),
               FormatCount(verdict.no_effect_count())});
  }
  return table;
}

Table DoseTable(const SteeringEvaluation& evaluation, const AttributeSteering& attribute,
                SteeringMethod method) {
  Table table({{"DOSE", true},
               {"SHARE", true},
               {"NDCG@10 KEPT", true},
               {"HR@10", true},
               {"COVERAGE", true},
               {"NOVELTY", true},
               {"DIVERSITY", true},
               {"SIDE EFFECT", false, true}});
  const auto add = [&](const SteeringFigures& figures) {
    const bool steered = figures.dose() != 0;
    table.Add({FormatSigned(figures.dose(), 2),
               steered ? WithInterval(figures.share(), 3) : FormatFixed(attribute.share(), 3),
               steered ? WithInterval(figures.ndcg_kept(), 3) : "1",
               FormatFixed(figures.hr_at_10(), 4), FormatPercent(figures.coverage()),
               FormatFixed(figures.novelty(), 2), FormatFixed(figures.intra_list_diversity(), 3),
               figures.has_side_effect()
                   ? absl::StrCat(NameOf(figures.side_effect()), " ",
                                  FormatSigned(figures.side_effect_change(), 3))
                   : ""});
  };
  for (const SteeringCurve& curve : attribute.curves()) {
    if (curve.method() != method) continue;
    bool unsteered = false;
    for (const SteeringFigures& point : curve.points()) {
      if (point.dose() > 0 && !unsteered) {
        add(evaluation.unsteered());
        unsteered = true;
      }
      add(point);
    }
  }
  return table;
}

Table LeakTable(const SteeringEvaluation& evaluation) {
  Table table({{"ATTRIBUTE", false, true},
               {"PROBED FOR"},
               {"UNCHANGED", true},
               {"DELTA", true},
               {"PROJECTION", true},
               {"SHUFFLED", true}});
  for (const AttributeSteering& attribute : evaluation.attributes()) {
    for (const auto& [label, name] :
         {std::pair(SteeringLeak::LABEL_RECOMMENDED, "recommended first"),
          std::pair(SteeringLeak::LABEL_READ, "in the history")}) {
      std::vector<Cell> row = {NameOf(attribute.attribute()), name};
      for (const SteeringLeak::From from :
           {SteeringLeak::FROM_UNCHANGED, SteeringLeak::FROM_DELTA, SteeringLeak::FROM_PROJECTION,
            SteeringLeak::FROM_SHUFFLED}) {
        const SteeringLeak* leak = FindLeak(attribute, label, from);
        if (leak != nullptr) row.emplace_back(FormatFixed(leak->auc().value(), 3));
      }
      if (row.size() == 6) table.Add(std::move(row));
    }
  }
  return table;
}

}  // namespace recsae::cli
