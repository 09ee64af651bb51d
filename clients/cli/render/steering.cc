#include "clients/cli/render/steering.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "clients/cli/render/explanation.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using explainer::v1::ResolvedWish;
using explainer::v1::WishedConcept;

Cell PolarityCell(explainer::v1::Polarity polarity) {
  switch (polarity) {
    case explainer::v1::POLARITY_MORE:
      return {"more", Color::kGreen};
    case explainer::v1::POLARITY_LESS:
      return {"less", Color::kYellow};
    case explainer::v1::POLARITY_NEVER:
      return {"none", Color::kRed};
    default:
      return {"?", Color::kDim};
  }
}

}  // namespace

Table UnderstoodWishes(const google::protobuf::RepeatedPtrField<ResolvedWish>& wishes) {
  Table table({{"WISH", false, true}, {"MEANS"}, {"OF", false, true}, {"ACTIVE"}});
  for (const ResolvedWish& wish : wishes) {
    const bool nothing = wish.concepts().empty();
    std::vector<Cell> row = {wish.text(), PolarityCell(wish.polarity())};
    if (wish.popularity_steps() != 0 && wish.problem().empty()) {
      row.push_back(wish.popularity_steps() > 0 ? "popularity: more popular items"
                                                : "popularity: less popular items");
      row.push_back("");
      table.Add(row);
    } else if (nothing) {
      row.push_back({absl::StrCat("nothing: ", wish.problem()), Color::kYellow});
      row.push_back("");
      table.Add(row);
    }
    for (const WishedConcept& of : wish.concepts()) {
      const std::string how =
          wish.has_by_meaning()
              ? absl::StrCat("  (by meaning, ", FormatFixed(wish.by_meaning(), 2), ")")
              : "";
      row.push_back(absl::StrCat(LatentLabel(of.lead_latent(), of.description()), how));
      row.push_back(of.active() ? Cell("yes") : Cell("no", Color::kDim));
      table.Add(row);
      row = {"", ""};
    }
  }
  return table;
}

std::string PopularityLine(const explainer::v1::SteerResponse& response) {
  const explainer::v1::PopularityEffect& effect = response.popularity();
  if (!effect.no_effect().empty()) return absl::StrCat("Popularity: ", effect.no_effect(), ".");
  std::string line = absl::StrCat(
      FormatFixed(std::abs(effect.steps()), 2), effect.steps() > 0 ? " steps more" : " steps less",
      " popular: the first ten have ", FormatFixed(effect.novelty_after(), 2), " bits of novelty, ",
      FormatFixed(effect.novelty_before(), 2), " before");
  if (effect.has_novelty_own()) {
    absl::StrAppend(&line, " (the history ", FormatFixed(effect.novelty_own(), 2), ")");
  }
  return absl::StrCat(line, "; ", FormatPercent(effect.tail_share_after()),
                      " of them are in the long tail, ", FormatPercent(effect.tail_share_before()),
                      " before.");
}

std::string ChangeLine(const explainer::v1::SteerResponse& response) {
  std::string line = absl::StrCat("The activation changed by ", FormatPercent(response.change()),
                                  " of what it has");
  if (response.bounded_by() < 1) {
    absl::StrAppend(&line, ", shortened to ", FormatPercent(response.bounded_by()),
                    " of what was asked for (--max-change)");
  }
  return absl::StrCat(line, ".");
}

}  // namespace recsae::cli
