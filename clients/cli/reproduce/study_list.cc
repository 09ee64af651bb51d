#include "clients/cli/reproduce/study_list.h"

#include <algorithm>
#include <cstdint>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/first_block.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

bool IsBaseline(const std::string& recommender) {
  return absl::StartsWith(recommender, "ecf") || recommender == "distillemb";
}

// Whether a cell of this method is what the study is about.
bool IsSubject(absl::string_view study, const std::string& method) {
  if (study == "table6") return method == kRandomMethod;
  if (study == "table7") return method == kSteerMethod;
  if (study == kFirstBlockStudy) return method == kPublishedMethod;
  if (study == "fig4" || study == "fig5") return ParseSweep(method).has_value();
  return method == kTrainedMethod;
}

}  // namespace

std::string CommandOf(absl::string_view study, const std::vector<ordered_json>& cells,
                      const std::string& settings) {
  const bool any = std::any_of(cells.begin(), cells.end(), [&](const ordered_json& cell) {
    return IsSubject(study, cell.at("method"));
  });
  std::set<std::string> datasets;
  std::vector<std::string> recommenders;
  std::set<uint64_t> seeds;
  for (const ordered_json& cell : cells) {
    const std::string recommender = TrainedName(cell.at("recommender"));
    if (IsFirstBlock(recommender) != (study == kFirstBlockStudy)) continue;
    // Before its subject is measured, a study is about all there is.
    if (IsBaseline(recommender) || (any && !IsSubject(study, cell.at("method")))) continue;
    datasets.insert(cell.at("dataset").get<std::string>());
    seeds.insert(cell.at("seed").get<uint64_t>());
    if (std::find(recommenders.begin(), recommenders.end(), recommender) == recommenders.end()) {
      recommenders.push_back(recommender);
    }
  }
  std::string command = absl::StrCat("recsae reproduce ", study, " --out DIR --dataset ",
                                     absl::StrJoin(datasets, ","));
  // table4 names its own.
  if (study != "table4") {
    absl::StrAppend(&command, " --recommender ", absl::StrJoin(recommenders, ","));
  }
  absl::StrAppend(&command, " --seed ", absl::StrJoin(seeds, ","));
  return settings.empty() ? command : absl::StrCat(command, " ", settings);
}

}  // namespace recsae::cli
