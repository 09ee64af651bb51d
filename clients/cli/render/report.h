// What a run of the pipeline measured, and its JSON form (--report).
#ifndef RECSAE_CLIENTS_CLI_RENDER_REPORT_H_
#define RECSAE_CLIENTS_CLI_RENDER_REPORT_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

// How a planted concept of the generated data set was found again.
struct PlantedScore {
  std::string planted;
  // The latent that tells it best, and how well (ROC AUC).
  int latent = 0;
  double auc = 0;
  // Of that latent; whether it names the planted concept.
  std::string description;
  bool named = false;
};

struct PipelineResult {
  probe::v1::Dataset dataset;
  concept_store::v1::Sae sae;
  explainer::v1::ConceptReport concepts;
  explainer::v1::Evaluation evaluation;
  // By stage, in the order of the run.
  std::vector<std::pair<std::string, double>> seconds;
  uint64_t seed = 0;
  std::string version;
  // Only for the generated data set.
  std::vector<PlantedScore> planted;
};

// One entry for each planted concept that the evaluation has a score of, in its order.
std::vector<PlantedScore> ScorePlanted(const explainer::v1::Evaluation& evaluation,
                                       const std::vector<concept_store::v1::Concept>& concepts);

nlohmann::ordered_json ReportJson(const PipelineResult& result);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_REPORT_H_
