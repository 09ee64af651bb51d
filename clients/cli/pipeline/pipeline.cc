#include "clients/cli/pipeline/pipeline.h"

#include <google/protobuf/util/time_util.h>

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/pipeline/steps.h"
#include "common/base/status.h"
#include "common/base/version.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"
#include "recsae/trainer/v1/trainer.grpc.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::ConceptStore;
using explainer::v1::Explainer;
using probe::v1::Probe;

// Of an activation of every kind of recommender that is trained with its defaults.
constexpr int kUsualDim = 64;

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
    result_.version = std::string(Version());
    double total = 0;
    for (const auto& stage : result_.seconds) total += stage.second;
    result_.seconds.emplace_back("total", total);
    return std::move(result_);
  }

 private:
  void AddSeconds(const std::string& stage, double seconds) {
    for (auto& entry : result_.seconds) {
      if (entry.first == stage) {
        entry.second += seconds;
        return;
      }
    }
    result_.seconds.emplace_back(stage, seconds);
  }

  absl::Status TrainRecommender() {
    RECSAE_ASSIGN_OR_RETURN(const auto made,
                            MakeRecommender(session_, plan_.train_recommender, detach_));
    AddSeconds("train_recommender", made.seconds);
    recommender_ = made.product;
    return absl::OkStatus();
  }

  absl::Status Capturing(const CaptureStep& step) {
    RECSAE_ASSIGN_OR_RETURN(const auto made, MakeCapture(session_, step, recommender_, detach_));
    AddSeconds("capture", made.seconds);
    absl::StrAppend(&inputs_, IdentityOf(made.product), "\n");
    if (step.request.capture_id() == kTrainCapture) trained_on_ = made.product;
    return absl::OkStatus();
  }

  absl::Status TrainSae() {
    RECSAE_ASSIGN_OR_RETURN(auto made, MakeSae(session_, plan_.train_sae, trained_on_, detach_));
    AddSeconds("train_sae", made.seconds);
    absl::StrAppend(&inputs_, IdentityOf(made.product), "\n");
    result_.sae = std::move(made.product);
    return absl::OkStatus();
  }

  template <typename Result, typename Request>
  absl::Status OnSae(const std::string& title, const std::string& kind, const std::string& stage,
                     grpc::Status (Explainer::Stub::*method)(grpc::ClientContext*, const Request&,
                                                             jobs::v1::Job*),
                     const Request& request, Result& result) {
    RECSAE_ASSIGN_OR_RETURN(
        auto made, RunOnSae<Result>(session_, title, kind, method, request, inputs_, detach_));
    AddSeconds(stage, made.seconds);
    result = std::move(made.product);
    return absl::OkStatus();
  }

  absl::Status BuildConcepts() {
    return OnSae("building concepts", "build-concepts", "build_concepts",
                 &Explainer::Stub::BuildConcepts, plan_.build_concepts, result_.concepts);
  }

  absl::Status Evaluate() {
    RECSAE_RETURN_IF_ERROR(OnSae("evaluating", "evaluate-sae", "evaluate",
                                 &Explainer::Stub::EvaluateSae, plan_.evaluate,
                                 result_.evaluation));
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
  probe::v1::Recommender recommender_;
  probe::v1::Capture trained_on_;
  // Identities of the captures and the SAE.
  std::string inputs_;
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

absl::Status CheckSettings(Session& session, const PipelinePlan& plan) {
  // The activations' length is that of the recommender that is there, or will be.
  int dim = plan.train_recommender.hyper_parameters().embedding_dim();
  probe::v1::GetRecommenderRequest get;
  get.set_name(plan.recommender());
  const auto found = session.Call(session.probe(), &Probe::Stub::GetRecommender, get);
  if (found.ok()) dim = found->activation_dim();
  trainer::v1::ResolveConfigRequest request;
  *request.mutable_config() = plan.train_sae.config();
  request.set_activation_dim(dim > 0 ? dim : kUsualDim);
  return session.Call(session.trainer(), &trainer::v1::Trainer::Stub::ResolveConfig, request)
      .status();
}

absl::StatusOr<PipelineResult> RunPipeline(Session& session, const PipelinePlan& plan,
                                           bool detach) {
  return Pipeline(session, plan, detach).Run();
}

}  // namespace recsae::cli
