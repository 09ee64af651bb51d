// The stages of `recsae pipeline`, run against the servers.
#ifndef RECSAE_CLIENTS_CLI_PIPELINE_PIPELINE_H_
#define RECSAE_CLIENTS_CLI_PIPELINE_PIPELINE_H_

#include <string>

#include "absl/status/statusor.h"
#include "clients/cli/pipeline/pipeline_plan.h"
#include "clients/cli/render/report.h"
#include "clients/cli/session/session.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

// The data set of that name; with no name ml-1m, or the generated one where the server has no ml-1m
// and cannot get it, which is said.
absl::StatusOr<probe::v1::Dataset> ChooseDataset(Session& session, const PipelineFlags& flags);

// Refuses before the first stage what the trainer would refuse after the recommender's training.
absl::Status CheckSettings(Session& session, const PipelinePlan& plan);

// Trains, captures, builds and evaluates. Whatever an earlier run made under the same names is
// used. FAILED_PRECONDITION (NAME_TAKEN) if a name belongs to something else.
absl::StatusOr<PipelineResult> RunPipeline(Session& session, const PipelinePlan& plan, bool detach);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_PIPELINE_PIPELINE_H_
