#include "clients/cli/pipeline.h"

#include <google/protobuf/util/time_util.h>

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/follow.h"
#include "clients/cli/hyper_parameter_flags.h"
#include "clients/cli/job_display.h"
#include "clients/cli/render.h"
#include "clients/cli/stage.h"
#include "common/status/status.h"

namespace recsae::cli {
namespace {

using concept_store::v1::ConceptStore;
using concept_store::v1::Sae;
using google::protobuf::operator<;
using explainer::v1::Explainer;
using jobs::v1::Job;
using probe::v1::Capture;
using probe::v1::Probe;
using probe::v1::Recommender;
using trainer::v1::Trainer;

// Whether a stage failed because what it makes (reason "..._EXISTS") is there; any other
// ALREADY_EXISTS, for example JOB_ACTIVE, says that something is in the way.
bool Made(const absl::Status& status, absl::string_view reason) {
  return absl::IsAlreadyExists(status) && Reason(status) == reason;
}

absl::Status NameTaken(const std::string& name, const std::string& what) {
  return Error(absl::StatusCode::kFailedPrecondition, "NAME_TAKEN",
               absl::StrCat(name, " is there already, but it is ", what,
                            "; choose another --name, or delete it"),
               {{"name", name}});
}

bool SameTime(const google::protobuf::Timestamp& a, const google::protobuf::Timestamp& b) {
  return a.seconds() == b.seconds() && a.nanos() == b.nanos();
}

// The stages share a session, a plan and the times they took.
class Pipeline {
 public:
  Pipeline(Session& session, const PipelinePlan& plan, bool detach)
      : session_(session), plan_(plan), detach_(detach) {}

  absl::StatusOr<PipelineResult> Run() {
    RECSAE_RETURN_IF_ERROR(TrainRecommender());
    for (const CaptureStep& step : plan_.captures) RECSAE_RETURN_IF_ERROR(Capturing(step));
    RECSAE_RETURN_IF_ERROR(TrainSae());
    RECSAE_RETURN_IF_ERROR(BuildConcepts());
    RECSAE_RETURN_IF_ERROR(Evaluate());
    result_.seed = plan_.train_sae.config().seed();
    result_.version = RECSAE_VERSION;
    double total = 0;
    for (const auto& stage : result_.seconds) total += stage.second;
    result_.seconds.emplace_back("total", total);
    return std::move(result_);
  }

 private:
  // A stage that sends `request` with `method`, plus its request_id.
  template <typename Service, typename Stub, typename Request>
  Stage MakeStage(const std::string& title, const std::string& kind, PeerStub<jobs::v1::Jobs>& jobs,
                  PeerStub<Service>& stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Job*),
                  const Request& request, std::function<bool(const Job&)> usable) {
    Stage stage;
    stage.title = title;
    stage.kind = kind;
    stage.jobs = &jobs;
    stage.request_id = [kind, request](int attempt) {
      return StageRequestId(kind, request, attempt);
    };
    stage.start = [this, &stub, method, request](const std::string& request_id) {
      Request with_id = request;
      with_id.set_request_id(request_id);
      return session_.Call(stub, method, with_id, kDatasetTimeout);
    };
    stage.usable = std::move(usable);
    return stage;
  }

  void RaiseNewest(const google::protobuf::Timestamp& time) {
    if (newest_ < time) newest_ = time;
  }

  void AddSeconds(const std::string& stage, double seconds) {
    for (auto& entry : result_.seconds) {
      if (entry.first == stage) {
        entry.second += seconds;
        return;
      }
    }
    result_.seconds.emplace_back(stage, seconds);
  }

  absl::StatusOr<Recommender> GetRecommender() {
    probe::v1::GetRecommenderRequest request;
    request.set_name(plan_.recommender());
    return session_.Call(session_.probe(), &Probe::Stub::GetRecommender, request);
  }

  absl::Status TrainRecommender() {
    const auto& request = plan_.train_recommender;
    const auto usable = [this](const Job& job) {
      const auto made = UnpackResult<Recommender>(job);
      const auto now = GetRecommender();
      return made.ok() && now.ok() && SameTime(made->create_time(), now->create_time());
    };
    const auto job =
        RunStage(session_,
                 MakeStage("training the recommender", "train-recommender", session_.probe_jobs(),
                           session_.probe(), &Probe::Stub::TrainRecommender, request, usable),
                 detach_);
    if (job.ok()) {
      AddSeconds("train_recommender", JobSeconds(*job));
      return absl::OkStatus();
    }
    if (!Made(job.status(), "RECOMMENDER_EXISTS")) return job.status();
    RECSAE_ASSIGN_OR_RETURN(const Recommender found, GetRecommender());
    if (found.kind() != request.kind() || found.dataset().name() != request.dataset().name() ||
        found.hyper_parameters().seed() != request.hyper_parameters().seed()) {
      return NameTaken(found.name(),
                       absl::StrCat("a ", KindName(found.kind()), " on ", found.dataset().name(),
                                    " with seed ", found.hyper_parameters().seed()));
    }
    session_.console().Say("using " + found.name() + ", which is there already");
    const auto seconds = found.metrics().find("train_seconds");
    AddSeconds("train_recommender", seconds == found.metrics().end() ? 0 : seconds->second);
    return absl::OkStatus();
  }

  absl::StatusOr<Capture> GetCapture(const CaptureStep& step) {
    probe::v1::GetCaptureRequest request;
    request.set_name(plan_.capture(step.request.capture_id()));
    return session_.Call(session_.probe(), &Probe::Stub::GetCapture, request);
  }

  void NoteCapture(const CaptureStep& step, const Capture& capture) {
    RaiseNewest(capture.create_time());
    if (step.request.capture_id() == kTrainCapture) trained_on_ = capture.create_time();
  }

  absl::Status Capturing(const CaptureStep& step) {
    const auto usable = [&](const Job& job) {
      const auto made = UnpackResult<Capture>(job);
      const auto now = GetCapture(step);
      return made.ok() && now.ok() && SameTime(made->create_time(), now->create_time());
    };
    const auto job = RunStage(
        session_,
        MakeStage(step.title, "capture-activations", session_.probe_jobs(), session_.probe(),
                  &Probe::Stub::CaptureActivations, step.request, usable),
        detach_);
    if (job.ok()) {
      AddSeconds("capture", JobSeconds(*job));
      RECSAE_ASSIGN_OR_RETURN(const Capture made, UnpackResult<Capture>(*job));
      NoteCapture(step, made);
      return absl::OkStatus();
    }
    if (!Made(job.status(), "CAPTURE_EXISTS")) return job.status();
    RECSAE_ASSIGN_OR_RETURN(const Capture found, GetCapture(step));
    if (found.split() != step.request.split() || found.has_cases() != step.request.with_cases()) {
      return NameTaken(found.name(),
                       absl::StrCat("of the ", SplitName(found.split()), " split ",
                                    found.has_cases() ? "with" : "without", " cases"));
    }
    session_.console().Say("using " + found.name() + ", which is there already");
    NoteCapture(step, found);
    AddSeconds("capture", 0);
    return absl::OkStatus();
  }

  absl::StatusOr<Sae> GetSae() {
    concept_store::v1::GetSaeRequest request;
    request.set_name(plan_.sae());
    return session_.Call(session_.concept_store(), &ConceptStore::Stub::GetSae, request);
  }

  absl::Status TrainSae() {
    const auto& request = plan_.train_sae;
    const auto usable = [this](const Job& job) {
      const auto made = UnpackResult<trainer::v1::TrainSaeResult>(job);
      const auto now = GetSae();
      return made.ok() && now.ok() && SameTime(made->sae().create_time(), now->create_time());
    };
    const auto job =
        RunStage(session_,
                 MakeStage("training the SAE", "train-sae", session_.trainer_jobs(),
                           session_.trainer(), &Trainer::Stub::TrainSae, request, usable),
                 detach_);
    if (!job.ok() && !Made(job.status(), "SAE_EXISTS")) return job.status();
    RECSAE_ASSIGN_OR_RETURN(result_.sae, GetSae());
    if (result_.sae.create_time() < trained_on_) {
      return NameTaken(plan_.sae(), "of a capture that was replaced since");
    }
    RaiseNewest(result_.sae.create_time());
    if (job.ok()) {
      AddSeconds("train_sae", JobSeconds(*job));
      return absl::OkStatus();
    }
    const Sae& found = result_.sae;
    const auto& config = request.config();
    if (found.capture() != request.capture() || (config.has_k() && config.k() != found.k()) ||
        (config.has_latents() && config.latents() != found.latents()) ||
        (config.has_architecture() && config.architecture() != found.architecture())) {
      return NameTaken(found.name(),
                       absl::StrCat(ArchitectureName(found.architecture()), " of ", found.capture(),
                                    " with ", found.latents(), " latents and k ", found.k()));
    }
    session_.console().Say("using " + found.name() + ", which is there already");
    AddSeconds("train_sae", found.report().seconds());
    return absl::OkStatus();
  }

  // A stage on the SAE and the captures: an earlier run's is good if it began after they were made.
  template <typename Result, typename Request>
  absl::StatusOr<Result> OnSae(const std::string& title, const std::string& kind,
                               const std::string& stage,
                               grpc::Status (Explainer::Stub::*method)(grpc::ClientContext*,
                                                                       const Request&, Job*),
                               const Request& request) {
    const auto usable = [this](const Job& job) { return newest_ < job.create_time(); };
    RECSAE_ASSIGN_OR_RETURN(const Job job,
                            RunStage(session_,
                                     MakeStage(title, kind, session_.explainer_jobs(),
                                               session_.explainer(), method, request, usable),
                                     detach_));
    AddSeconds(stage, JobSeconds(job));
    return UnpackResult<Result>(job);
  }

  absl::Status BuildConcepts() {
    RECSAE_ASSIGN_OR_RETURN(
        result_.concepts,
        OnSae<explainer::v1::ConceptReport>("building concepts", "build-concepts", "build_concepts",
                                            &Explainer::Stub::BuildConcepts, plan_.build_concepts));
    return absl::OkStatus();
  }

  absl::Status Evaluate() {
    RECSAE_ASSIGN_OR_RETURN(result_.evaluation, OnSae<explainer::v1::Evaluation>(
                                                    "evaluating", "evaluate-sae", "evaluate",
                                                    &Explainer::Stub::EvaluateSae, plan_.evaluate));
    if (plan_.train_recommender.dataset().name() != kPlantedDataset) return absl::OkStatus();
    concept_store::v1::ListConceptsRequest request;
    request.set_parent(plan_.sae());
    RECSAE_ASSIGN_OR_RETURN(
        const auto all,
        session_.List(session_.concept_store(), &ConceptStore::Stub::ListConcepts, request,
                      &concept_store::v1::ListConceptsResponse::concepts_size, 0));
    result_.planted =
        ScorePlanted(result_.evaluation, {all.concepts().begin(), all.concepts().end()});
    return absl::OkStatus();
  }

  Session& session_;
  const PipelinePlan& plan_;
  const bool detach_;
  PipelineResult result_;
  // When the capture that the SAE is trained on was made.
  google::protobuf::Timestamp trained_on_;
  // When the newest of the captures and the SAE was made.
  google::protobuf::Timestamp newest_;
};

}  // namespace

absl::StatusOr<probe::v1::Dataset> ChooseDataset(Session& session, const PipelineFlags& flags) {
  const auto get = [&](const std::string& name) {
    probe::v1::GetDatasetRequest request;
    *request.mutable_dataset() = MakeDatasetRef(name, flags.dataset_flags);
    return session.Call(session.probe(), &Probe::Stub::GetDataset, request, kDatasetTimeout);
  };
  if (!flags.dataset.empty()) return get(flags.dataset);
  const auto usual = get(kUsualDataset);
  if (!absl::IsNotFound(usual.status())) return usual;
  session.console().Say(absl::StrCat(
      kUsualDataset, " is neither here nor could it be downloaded (", usual.status().message(),
      ").\nGoing on with the generated data set '", kPlantedDataset,
      "', whose concepts are known. For real data, see --dataset and the server's --data."));
  return get(kPlantedDataset);
}

absl::StatusOr<PipelineResult> RunPipeline(Session& session, const PipelinePlan& plan,
                                           bool detach) {
  return Pipeline(session, plan, detach).Run();
}

}  // namespace recsae::cli
