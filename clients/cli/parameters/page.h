// The page that says what weighs most in a recommender, and what its users can do about it.
#ifndef RECSAE_CLIENTS_CLI_PARAMETERS_PAGE_H_
#define RECSAE_CLIENTS_CLI_PARAMETERS_PAGE_H_

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "clients/cli/parameters/score_shares.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

// What single items of the history do, where they were weighed.
struct HistoryWeight {
  explainer::v1::ReasonMethod method = explainer::v1::REASON_METHOD_UNSPECIFIED;
  int64_t items = 0;     // recommended items that were asked about
  double strongest = 0;  // mean over them of the amount of the strongest effect
  double personal = 0;   // mean over them of the amount by which the user differs from everyone
};

// All that the page says.
struct Parameters {
  probe::v1::Recommender recommender;
  concept_store::v1::Sae sae;
  std::string capture;
  std::string command;
  ScoreShares shares;
  std::map<int32_t, std::string> descriptions;  // by lead latent
  std::optional<PopularityShare> popularity;    // nothing where counts are not known
  HistoryWeight history;
  // Of the newest jobs of the SAE that succeeded; nothing where there is none.
  std::optional<explainer::v1::Evaluation> evaluation;
  std::optional<explainer::v1::ConceptReport> concepts;
};

std::string ParametersText(const Parameters& parameters);
std::string ParametersMarkdown(const Parameters& parameters);
// One file, which refers to nothing outside.
std::string ParametersHtml(const Parameters& parameters);
nlohmann::ordered_json ParametersJson(const Parameters& parameters);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_PARAMETERS_PAGE_H_
