// What the pipeline and the reproduction of the paper make on the servers, one step at a time. A
// step that an earlier run finished is used, one that it left running is followed.
#ifndef RECSAE_CLIENTS_CLI_PIPELINE_STEPS_H_
#define RECSAE_CLIENTS_CLI_PIPELINE_STEPS_H_

#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "clients/cli/flags/dataset_flags.h"
#include "clients/cli/jobs/follow.h"
#include "clients/cli/jobs/job_display.h"
#include "clients/cli/jobs/stage.h"
#include "clients/cli/pipeline/pipeline_plan.h"
#include "clients/cli/session/session.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "recsae/probe/v1/probe.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {

// What a step made or found, and the seconds that making it took.
template <typename T>
struct Made {
  T product;
  double seconds = 0;
};

// Whether a job failed because what it makes (reason "..._EXISTS") is there; any other
// ALREADY_EXISTS, for example JOB_ACTIVE, says that something is in the way.
bool FoundMade(const absl::Status& status, absl::string_view reason);

bool SameTime(const google::protobuf::Timestamp& a, const google::protobuf::Timestamp& b);

// What tells a thing from every other, also from one made anew under its name.
std::string IdentityOf(const probe::v1::Recommender& recommender);
std::string IdentityOf(const probe::v1::Capture& capture);
std::string IdentityOf(const concept_store::v1::Sae& sae);

// Whether the SAE was trained on the recommender that is there now, as far as it knows its own.
bool IsOf(const concept_store::v1::Sae& sae, const probe::v1::Recommender& recommender);

// A stage that sends `request` with `method`, plus its request_id. `inputs` is the identity of what
// the request names: a job of an earlier run on others is not taken for this one's.
template <typename Service, typename Stub, typename Request>
Stage MakeStage(Session& session, const std::string& title, const std::string& kind,
                PeerStub<jobs::v1::Jobs>& jobs, PeerStub<Service>& stub,
                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, jobs::v1::Job*),
                const Request& request, const std::string& inputs,
                std::function<bool(const jobs::v1::Job&)> usable) {
  Stage stage;
  stage.title = title;
  stage.kind = kind;
  stage.jobs = &jobs;
  stage.request_id = [kind, request, inputs](int attempt) {
    return StageRequestId(kind, request, inputs, attempt);
  };
  stage.start = [&session, &stub, method, request](const std::string& request_id) {
    Request with_id = request;
    with_id.set_request_id(request_id);
    return session.Call(stub, method, with_id, kDatasetTimeout);
  };
  stage.usable = std::move(usable);
  return stage;
}

// Each returns what is there under the request's name. FAILED_PRECONDITION (NAME_TAKEN) if that is
// something else than what the request makes. `detach` as FollowJob has it.
absl::StatusOr<Made<probe::v1::Recommender>> MakeRecommender(
    Session& session, const probe::v1::TrainRecommenderRequest& request, bool detach);
absl::StatusOr<Made<probe::v1::Capture>> MakeCapture(Session& session, const CaptureStep& step,
                                                     const probe::v1::Recommender& recommender,
                                                     bool detach);
absl::StatusOr<Made<concept_store::v1::Sae>> MakeSae(Session& session,
                                                     const trainer::v1::TrainSaeRequest& request,
                                                     const probe::v1::Capture& capture,
                                                     bool detach);

absl::StatusOr<concept_store::v1::Sae> GetSae(Session& session, const std::string& name);

// A job of the explainer on an SAE and captures, whose identities are `inputs`.
template <typename Result, typename Stub, typename Request>
absl::StatusOr<Made<Result>> RunOnSae(
    Session& session, const std::string& title, const std::string& kind,
    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, jobs::v1::Job*),
    const Request& request, const std::string& inputs, bool detach) {
  const auto usable = [](const jobs::v1::Job&) { return true; };
  RECSAE_ASSIGN_OR_RETURN(const jobs::v1::Job job,
                          RunStage(session,
                                   MakeStage(session, title, kind, session.explainer_jobs(),
                                             session.explainer(), method, request, inputs, usable),
                                   detach));
  Made<Result> made;
  RECSAE_ASSIGN_OR_RETURN(made.product, UnpackResult<Result>(job));
  made.seconds = JobSeconds(job);
  return made;
}

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_PIPELINE_STEPS_H_
