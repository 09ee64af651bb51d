#include "clients/cli/pipeline/steps.h"

#include "absl/strings/str_cat.h"
#include "clients/cli/flags/hyper_parameter_flags.h"
#include "clients/cli/render/render.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"
#include "recsae/trainer/v1/trainer.grpc.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::ConceptStore;
using concept_store::v1::Sae;
using jobs::v1::Job;
using probe::v1::Capture;
using probe::v1::Probe;
using probe::v1::Recommender;
using trainer::v1::Trainer;

absl::Status NameTaken(const std::string& name, const std::string& what) {
  return Error(absl::StatusCode::kFailedPrecondition, "NAME_TAKEN",
               absl::StrCat(name, " is there already, but it is ", what,
                            "; delete it, or choose another name"),
               {{"name", name}});
}

// How what is there under a name differs from what was asked for, as the server found; empty where
// it does not.
std::string Differences(const absl::Status& exists) {
  for (const auto& [key, value] : Metadata(exists)) {
    if (key == "differences") return value;
  }
  return "";
}

absl::StatusOr<Recommender> GetRecommender(Session& session, const std::string& name) {
  probe::v1::GetRecommenderRequest request;
  request.set_name(name);
  return session.Call(session.probe(), &Probe::Stub::GetRecommender, request);
}

absl::StatusOr<Capture> GetCapture(Session& session, const std::string& name) {
  probe::v1::GetCaptureRequest request;
  request.set_name(name);
  return session.Call(session.probe(), &Probe::Stub::GetCapture, request);
}

}  // namespace

bool FoundMade(const absl::Status& status, absl::string_view reason) {
  return absl::IsAlreadyExists(status) && Reason(status) == reason;
}

bool SameTime(const google::protobuf::Timestamp& a, const google::protobuf::Timestamp& b) {
  return a.seconds() == b.seconds() && a.nanos() == b.nanos();
}

std::string IdentityOf(const Recommender& recommender) {
  return recommender.uid().empty() ? recommender.name() : recommender.uid();
}

// Those of an earlier version have no uid: they are told apart by when they were made.
std::string IdentityOf(const Capture& capture) {
  if (!capture.uid().empty()) return capture.uid();
  return absl::StrCat(capture.name(), " ", capture.create_time().seconds(), ".",
                      capture.create_time().nanos());
}

std::string IdentityOf(const Sae& sae) {
  return absl::StrCat(sae.name(), " ", sae.weights_sha256(), " ", sae.create_time().seconds(), ".",
                      sae.create_time().nanos());
}

bool IsOf(const Sae& sae, const Recommender& recommender) {
  return sae.recommender_uid().empty() || sae.recommender_uid() == recommender.uid();
}

absl::StatusOr<Made<Recommender>> MakeRecommender(Session& session,
                                                  const probe::v1::TrainRecommenderRequest& request,
                                                  bool detach) {
  const std::string name = absl::StrCat("recommenders/", request.recommender_id());
  const auto usable = [&](const Job& job) {
    const auto made = UnpackResult<Recommender>(job);
    const auto now = GetRecommender(session, name);
    return made.ok() && now.ok() && SameTime(made->create_time(), now->create_time());
  };
  const auto job = RunStage(
      session,
      MakeStage(session, "training the recommender", "train-recommender", session.probe_jobs(),
                session.probe(), &Probe::Stub::TrainRecommender, request, "", usable),
      detach);
  if (!job.ok() && !FoundMade(job.status(), "RECOMMENDER_EXISTS")) return job.status();
  Made<Recommender> made;
  RECSAE_ASSIGN_OR_RETURN(made.product, GetRecommender(session, name));
  if (job.ok()) {
    made.seconds = JobSeconds(*job);
    return made;
  }
  const Recommender& found = made.product;
  const std::string differences = Differences(job.status());
  if (!differences.empty()) return NameTaken(name, "made otherwise: " + differences);
  session.console().Say("using " + found.name() + ", which is there already");
  const auto seconds = found.metrics().find("train_seconds");
  if (seconds != found.metrics().end()) made.seconds = seconds->second;
  return made;
}

absl::StatusOr<Made<Capture>> MakeCapture(Session& session, const CaptureStep& step,
                                          const Recommender& recommender, bool detach) {
  const std::string name =
      absl::StrCat(step.request.parent(), "/captures/", step.request.capture_id());
  const auto usable = [&](const Job& job) {
    const auto made = UnpackResult<Capture>(job);
    const auto now = GetCapture(session, name);
    return made.ok() && now.ok() && SameTime(made->create_time(), now->create_time());
  };
  const auto job = RunStage(
      session,
      MakeStage(session, step.title, "capture-activations", session.probe_jobs(), session.probe(),
                &Probe::Stub::CaptureActivations, step.request, IdentityOf(recommender), usable),
      detach);
  Made<Capture> made;
  if (job.ok()) {
    made.seconds = JobSeconds(*job);
    RECSAE_ASSIGN_OR_RETURN(made.product, UnpackResult<Capture>(*job));
    return made;
  }
  if (!FoundMade(job.status(), "CAPTURE_EXISTS")) return job.status();
  RECSAE_ASSIGN_OR_RETURN(made.product, GetCapture(session, name));
  const Capture& found = made.product;
  if (found.split() != step.request.split() || found.has_cases() != step.request.with_cases()) {
    return NameTaken(found.name(), absl::StrCat("of the ", SplitName(found.split()), " split ",
                                                found.has_cases() ? "with" : "without", " cases"));
  }
  session.console().Say("using " + found.name() + ", which is there already");
  return made;
}

absl::StatusOr<Sae> GetSae(Session& session, const std::string& name) {
  concept_store::v1::GetSaeRequest request;
  request.set_name(name);
  return session.Call(session.concept_store(), &ConceptStore::Stub::GetSae, request);
}

absl::StatusOr<Made<Sae>> MakeSae(Session& session, const trainer::v1::TrainSaeRequest& request,
                                  const Capture& capture, bool detach) {
  const std::string name = absl::StrCat("saes/", request.sae_id());
  const auto usable = [&](const Job& job) {
    const auto made = UnpackResult<trainer::v1::TrainSaeResult>(job);
    const auto now = GetSae(session, name);
    return made.ok() && now.ok() && SameTime(made->sae().create_time(), now->create_time());
  };
  const auto job = RunStage(
      session,
      MakeStage(session, "training the SAE", "train-sae", session.trainer_jobs(), session.trainer(),
                &Trainer::Stub::TrainSae, request, IdentityOf(capture), usable),
      detach);
  if (!job.ok() && !FoundMade(job.status(), "SAE_EXISTS")) return job.status();
  Made<Sae> made;
  RECSAE_ASSIGN_OR_RETURN(made.product, GetSae(session, name));
  if (job.ok()) {
    made.seconds = JobSeconds(*job);
    return made;
  }
  const Sae& found = made.product;
  const std::string differences = Differences(job.status());
  if (!differences.empty()) return NameTaken(name, "made otherwise: " + differences);
  session.console().Say("using " + found.name() + ", which is there already");
  made.seconds = found.report().seconds();
  return made;
}

}  // namespace recsae::cli
