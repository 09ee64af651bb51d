#include "clients/cli/render/steering.h"

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
    if (nothing) {
      row.push_back({absl::StrCat("nothing: ", wish.problem()), Color::kYellow});
      row.push_back("");
      table.Add(row);
    }
    for (const WishedConcept& of : wish.concepts()) {
      row.push_back(LatentLabel(of.lead_latent(), of.description()));
      row.push_back(of.active() ? Cell("yes") : Cell("no", Color::kDim));
      table.Add(row);
      row = {"", ""};
    }
  }
  return table;
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
