#include "clients/cli/render/latents.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using explainer::v1::AttributeSplit;
using explainer::v1::DictionaryScore;
using explainer::v1::Evaluation;
using explainer::v1::LatentUse;
using explainer::v1::Splitting;
using explainer::v1::Stability;
using nlohmann::ordered_json;

double Share(int64_t part, int64_t all) {
  return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0;
}

std::string CountOf(int32_t part, const LatentUse& use) {
  return absl::StrCat(FormatCount(part), " of ", FormatCount(use.latent_count()), " (",
                      FormatPercent(Share(part, use.latent_count())), ")");
}

}  // namespace

Table LatentTable(const Evaluation& evaluation) {
  std::vector<std::pair<std::string, std::string>> lines;
  if (evaluation.has_latent_use()) {
    const LatentUse& use = evaluation.latent_use();
    lines.emplace_back("dead on these rows", CountOf(use.dead_count(), use));
    lines.emplace_back(
        "dense",
        absl::StrCat(CountOf(use.dense_count(), use), " fire on more than 10 % of the rows, ",
                     FormatCount(use.over_half_count()), " on more than half"));
  }
  for (const Stability& stability : evaluation.stability()) {
    lines.emplace_back(absl::StrCat("found again in ", ShortName(stability.sae())),
                       absl::StrCat("mean cosine ", FormatFixed(stability.mean_cosine(), 3), ", ",
                                    FormatPercent(stability.above_7_share()), " above .7 (",
                                    Plural(stability.pair_count(), "pair"), ")"));
  }
  return Details(lines);
}

Table SplitTable(const Evaluation& evaluation, int count) {
  std::vector<AttributeSplit> splits;
  for (const DictionaryScore& score : evaluation.dictionaries()) {
    if (score.kind() != DictionaryScore::KIND_TRAINED) continue;
    splits.assign(score.splitting().attributes().begin(), score.splitting().attributes().end());
  }
  std::stable_sort(splits.begin(), splits.end(),
                   [](const AttributeSplit& a, const AttributeSplit& b) {
                     const auto key = [](const AttributeSplit& split) {
                       return std::pair(split.latents_size(),
                                        Share(split.missed_row_count(), split.told_row_count()));
                     };
                     return key(a) > key(b);
                   });
  if (count >= 0 && splits.size() > static_cast<size_t>(count)) splits.resize(count);
  Table table({{"ATTRIBUTE", false, true},
               {"ITS LATENTS", false, true},
               {"F1", true},
               {"ROWS", true},
               {"MISSED", true},
               {"ABSORBED", true}});
  for (const AttributeSplit& split : splits) {
    table.Add(
        {absl::StrCat(split.key(), " ", split.value()),
         absl::StrJoin(split.latents(), " ",
                       [](std::string* out, int latent) { absl::StrAppend(out, "#", latent); }),
         FormatFixed(split.f1(), 3), FormatCount(split.told_row_count()),
         FormatCount(split.missed_row_count()), FormatCount(split.absorbed_row_count())});
  }
  return table;
}

void AddLatents(const Evaluation& evaluation, ordered_json& json) {
  if (evaluation.has_latent_use()) {
    const LatentUse& use = evaluation.latent_use();
    json["latent_use"] = {{"latents", use.latent_count()},
                          {"dead", use.dead_count()},
                          {"dense", use.dense_count()},
                          {"over_half", use.over_half_count()},
                          {"rows", use.row_count()}};
  }
  for (const Stability& stability : evaluation.stability()) {
    json["stability"].push_back({{"sae", stability.sae()},
                                 {"pairs", stability.pair_count()},
                                 {"mean_cosine", stability.mean_cosine()},
                                 {"above_0.7", stability.above_7_share()}});
  }
}

ordered_json SplittingJson(const Splitting& splitting) {
  return {{"attributes", splitting.attribute_count()},
          {"latents_per_attribute", splitting.latents_per_attribute()},
          {"missed_share", splitting.missed_share()},
          {"absorption_rate", splitting.absorption_rate()},
          {"absorbed_share", splitting.absorbed_share()}};
}

}  // namespace recsae::cli
