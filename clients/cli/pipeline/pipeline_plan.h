// What `recsae pipeline` is going to make, under which names, and the requests that make it.
#ifndef RECSAE_CLIENTS_CLI_PIPELINE_PIPELINE_PLAN_H_
#define RECSAE_CLIENTS_CLI_PIPELINE_PIPELINE_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/flags/dataset_flags.h"
#include "clients/cli/flags/hyper_parameter_flags.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "recsae/probe/v1/probe.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {

inline constexpr char kUsualDataset[] = "ml-1m";
inline constexpr char kPlantedDataset[] = "planted";

struct PipelineFlags {
  // Empty = ml-1m, or planted where that is not to be had.
  std::string dataset;
  std::string recommender = "sasrec";
  uint64_t seed = 1;
  // Empty = made of the above.
  std::string name;
  std::string report;
  int64_t context_rows = 100'000;
  int users = 3;
  bool detach = false;
  DatasetFlags dataset_flags;
  RecommenderFlags recommender_flags;
  SaeFlags sae_flags;
};

// One capture of the pipeline.
struct CaptureStep {
  std::string title;
  probe::v1::CaptureActivationsRequest request;
};

struct PipelinePlan {
  probe::v1::TrainRecommenderRequest train_recommender;
  std::vector<CaptureStep> captures;
  trainer::v1::TrainSaeRequest train_sae;
  explainer::v1::BuildConceptsRequest build_concepts;
  explainer::v1::EvaluateSaeRequest evaluate;

  std::string recommender() const;  // "recommenders/{recommender}"
  std::string capture(absl::string_view id) const;
  std::string sae() const;  // "saes/{sae}"
};

// Captures of a plan.
inline constexpr char kTrainCapture[] = "train";
inline constexpr char kDevCapture[] = "dev";
inline constexpr char kTestCapture[] = "test";
inline constexpr char kContextCapture[] = "context";

// `dataset` is the name that was settled on. Without --name, the names say what decides what is
// made, so that another seed, size or recipe gets other names and shares what it can. A usage error
// if --name is no id.
absl::StatusOr<PipelinePlan> MakePlan(const PipelineFlags& flags, const std::string& dataset);

// Identifies attempt number `attempt` (1, 2, ...) of a stage that sends `request` (its request_id
// unset) and works on what `inputs` identifies, the same in every run.
std::string StageRequestId(absl::string_view stage, const google::protobuf::Message& request,
                           absl::string_view inputs, int attempt);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_PIPELINE_PIPELINE_PLAN_H_
