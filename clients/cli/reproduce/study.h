// Which cells each table and figure of the RecSAE paper is made of.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_STUDY_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_STUDY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/flags/dataset_flags.h"
#include "clients/cli/flags/hyper_parameter_flags.h"
#include "clients/cli/pipeline/pipeline_plan.h"
#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/study_list.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {

struct ReproduceFlags {
  std::string out = "reproduction";
  std::vector<std::string> datasets = {"ml-1m-recsae"};
  std::vector<std::string> recommenders = {"bprmf", "lightgcn", "sasrec", "timirec"};
  std::vector<uint64_t> seeds = {1};
  int64_t context_rows = 100'000;
  // Steering: the attribute value that is looked for, empty = chosen; and how many cases.
  std::string attribute;
  int cases = 500;
  // Concepts are described and judged by the explainer's language model too, which is paid at most
  // so many calls and tokens for each SAE; 0 = as many as the explainer gives.
  bool llm = false;
  int64_t llm_calls = 0;
  int64_t llm_tokens = 0;
  bool keep = false;
  bool detach = false;
  DatasetFlags dataset_flags;
  RecommenderFlags recommender_flags;
  SaeFlags sae_flags;
};

inline constexpr int kSweepValues[] = {2, 4, 8, 16, 32};
inline constexpr int kPaperExpansion = 16;
inline constexpr int kPaperK = 8;

// The cells of a study ("table3", or "all"), without repeats, those of one trained recommender
// together and in the order in which they are measured. Studies that show single concepts and
// sweeps take the first seed alone. A usage error for flags that fight the study.
absl::StatusOr<std::vector<CellId>> PlanCells(absl::string_view study, const ReproduceFlags& flags);

// The point that the trained SAE itself is.
SweepPoint BasePoint(const SaeFlags& flags);

// The points of fig4 and fig5 beside it.
std::vector<SweepPoint> SweepPoints(const SaeFlags& flags);

// The requests that make what the cells of one trained recommender share. The names on the server
// begin with "paper-", so that nothing of the user's own is touched.
absl::StatusOr<PipelinePlan> PlanGroup(const CellId& cell, const ReproduceFlags& flags);

// The training of the SAE of a point of a sweep.
absl::StatusOr<trainer::v1::TrainSaeRequest> PlanPoint(const CellId& cell, const SweepPoint& point,
                                                       const ReproduceFlags& flags);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_STUDY_H_
