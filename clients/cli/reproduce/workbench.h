// Makes on the servers what the cells of one trained recommender need, measures it, and cleans up.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_WORKBENCH_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_WORKBENCH_H_

#include <google/protobuf/timestamp.pb.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/measurement.h"
#include "clients/cli/reproduce/study.h"
#include "clients/cli/session/session.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

// One data set, recommender and seed. Whatever an earlier run made is used, a job that it left
// running is followed. Not thread-safe.
class Workbench {
 public:
  // `cells`: all of this trained recommender that are to be measured now.
  Workbench(Session& session, const ReproduceFlags& flags, PipelinePlan plan,
            std::vector<CellId> cells);

  // Measures a cell. `trained`: the cell of the trained SAE, which steering chooses its latent by;
  // else it may be null.
  absl::StatusOr<nlohmann::ordered_json> Measure(const CellId& cell,
                                                 const nlohmann::ordered_json* trained);

  // Deletes the SAEs and captures that only the cells needed. The recommender, the trained SAE and
  // the test capture stay: with them `recsae explain` and `recsae steer` work.
  absl::Status CleanUp();

 private:
  absl::Status NeedRecommender();
  absl::Status NeedCapture(const char* id);
  absl::Status NeedAllCaptures();
  // What the explainer's results are functions of: the SAE and the captures it draws from.
  std::string InputsOf(const concept_store::v1::Sae& sae) const;
  // What the SAE's training reads.
  absl::Status NeedTrainingRows();
  absl::Status NeedItems();
  // Mean |x - mean|^2 of the test activations.
  absl::StatusOr<double> TestVariance();

  absl::StatusOr<concept_store::v1::Sae> TrainedSae();
  absl::StatusOr<concept_store::v1::Sae> RandomSae();
  absl::StatusOr<concept_store::v1::Sae> RawSae();
  // Trains all missing points of the sweep in one pass over the capture.
  absl::StatusOr<concept_store::v1::Sae> SweptSae(const CellId& cell);

  // Of the first block (first_block.h).
  absl::StatusOr<nlohmann::ordered_json> MeasureFirstBlock(const CellId& cell);
  absl::StatusOr<concept_store::v1::Sae> SaeOf(const CellId& cell);
  absl::StatusOr<nlohmann::ordered_json> MeasureSae(const CellId& cell);
  absl::StatusOr<nlohmann::ordered_json> MeasureSteering(const nlohmann::ordered_json* trained);
  absl::StatusOr<std::vector<concept_store::v1::Concept>> Concepts(const std::string& sae);
  absl::Status BuildConcepts(const concept_store::v1::Sae& sae,
                             explainer::v1::ConceptReport& report);
  absl::Status DeleteSae(const std::string& name);
  absl::Status DeleteCapture(const std::string& id);

  Session& session_;
  const ReproduceFlags& flags_;
  const PipelinePlan plan_;
  const std::vector<CellId> cells_;
  std::optional<probe::v1::Recommender> recommender_;
  // By id, those that are there.
  std::map<std::string, probe::v1::Capture> captures_;
  std::optional<Items> items_;
  std::optional<double> test_variance_;
};

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_WORKBENCH_H_
