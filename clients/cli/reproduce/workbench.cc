#include "clients/cli/reproduce/workbench.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/formats/sae_transfer.h"
#include "clients/cli/pipeline/steps.h"
#include "clients/cli/reproduce/first_block.h"
#include "clients/cli/reproduce/language.h"
#include "clients/cli/reproduce/made_saes.h"
#include "clients/cli/reproduce/steering.h"
#include "clients/cli/text/text.h"
#include "common/base/version.h"
#include "common/client/retry.h"
#include "common/messages/sae_messages.h"
#include "common/messages/tensor.h"
#include "common/sae/metrics.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"
#include "recsae/trainer/v1/trainer.grpc.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::Concept;
using concept_store::v1::ConceptStore;
using concept_store::v1::Sae;
using explainer::v1::Explainer;
using jobs::v1::Job;
using nlohmann::ordered_json;
using probe::v1::Probe;
using trainer::v1::TrainSaesRequest;

constexpr double kReadTimeout = 600;
constexpr int64_t kMeasuredRows = 100'000;
constexpr char kRawSuffix[] = "-raw";
constexpr char kPublishedSuffix[] = "-relu";
constexpr char kRandomSuffix[] = "-random";

// OK where there was nothing to delete.
absl::Status Deleted(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace

Workbench::Workbench(Session& session, const ReproduceFlags& flags, PipelinePlan plan,
                     std::vector<CellId> cells)
    : session_(session), flags_(flags), plan_(std::move(plan)), cells_(std::move(cells)) {}

absl::Status Workbench::NeedRecommender() {
  if (recommender_) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(auto made,
                          MakeRecommender(session_, plan_.train_recommender, flags_.detach));
  recommender_ = std::move(made.product);
  return absl::OkStatus();
}

absl::Status Workbench::NeedCapture(const char* id) {
  if (captures_.count(id) > 0) return absl::OkStatus();
  RECSAE_RETURN_IF_ERROR(NeedRecommender());
  for (const CaptureStep& step : plan_.captures) {
    if (step.request.capture_id() != id) continue;
    RECSAE_ASSIGN_OR_RETURN(auto made, MakeCapture(session_, step, *recommender_, flags_.detach));
    captures_[id] = std::move(made.product);
  }
  return absl::OkStatus();
}

absl::Status Workbench::NeedAllCaptures() {
  for (const char* id : {kTrainCapture, kTestCapture, kDevCapture, kContextCapture}) {
    RECSAE_RETURN_IF_ERROR(NeedCapture(id));
  }
  return absl::OkStatus();
}

absl::Status Workbench::NeedTrainingRows() {
  RECSAE_RETURN_IF_ERROR(NeedCapture(kTrainCapture));
  return plan_.train_sae.config().has_early_stop() ? NeedCapture(kDevCapture) : absl::OkStatus();
}

absl::Status Workbench::NeedItems() {
  if (items_) return absl::OkStatus();
  RECSAE_RETURN_IF_ERROR(NeedRecommender());
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(session_.Timeout(kReadTimeout)));
  probe::v1::ReadItemsRequest request;
  request.set_catalog(recommender_->catalog());
  const auto reader = session_.probe()->ReadItems(&context, request);
  Items items;
  for (probe::v1::ReadItemsResponse response; reader->Read(&response);) {
    for (auto& item : *response.mutable_items()) items[item.id()] = std::move(item);
  }
  RECSAE_RETURN_IF_ERROR(session_.probe().peer().FromGrpc(reader->Finish()));
  items_ = std::move(items);
  return absl::OkStatus();
}

absl::StatusOr<double> Workbench::TestVariance() {
  if (test_variance_) return *test_variance_;
  const probe::v1::Capture& capture = captures_.at(kTestCapture);
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(session_.Timeout(kReadTimeout)));
  probe::v1::ReadActivationsRequest request;
  request.set_capture(capture.name());
  const auto reader = session_.probe()->ReadActivations(&context, request);
  sae::VarianceAccumulator variance(capture.dim());
  for (probe::v1::ActivationBatch batch; reader->Read(&batch);) {
    RECSAE_ASSIGN_OR_RETURN(const MatrixView view, ReadMatrix(batch.activations(), "activations",
                                                              kAnySize, capture.dim()));
    for (int64_t i = 0; i < view.rows; ++i) variance.Add(view.data + i * capture.dim());
  }
  RECSAE_RETURN_IF_ERROR(session_.probe().peer().FromGrpc(reader->Finish()));
  test_variance_ = variance.Variance();
  return *test_variance_;
}

absl::StatusOr<Sae> Workbench::TrainedSae() {
  RECSAE_RETURN_IF_ERROR(NeedRecommender());
  // One that is there needs no training rows.
  auto found = GetSae(session_, plan_.sae());
  if (found.ok() && IsOf(*found, *recommender_)) return found;
  RECSAE_RETURN_IF_ERROR(NeedTrainingRows());
  RECSAE_ASSIGN_OR_RETURN(
      auto made, MakeSae(session_, plan_.train_sae, captures_.at(kTrainCapture), flags_.detach));
  return std::move(made.product);
}

absl::StatusOr<Sae> Workbench::RandomSae() {
  RECSAE_RETURN_IF_ERROR(NeedCapture(kTrainCapture));
  trainer::v1::TrainSaeRequest request = plan_.train_sae;
  request.set_sae_id(absl::StrCat(request.sae_id(), kRandomSuffix));
  *request.mutable_config() = WithoutTraining(request.config());
  RECSAE_ASSIGN_OR_RETURN(auto made,
                          MakeSae(session_, request, captures_.at(kTrainCapture), flags_.detach));
  return std::move(made.product);
}

absl::StatusOr<Sae> Workbench::RawSae() {
  RECSAE_RETURN_IF_ERROR(NeedCapture(kTrainCapture));
  const std::string name =
      absl::StrCat("saes/", plan_.train_recommender.recommender_id(), kRawSuffix);
  const auto found = GetSae(session_, name);
  if (found.ok() && IsOf(*found, *recommender_)) return found;
  if (found.ok()) RECSAE_RETURN_IF_ERROR(DeleteSae(name));
  const probe::v1::Capture& capture = captures_.at(kTrainCapture);
  const sae::SaeWeights weights = RawDimensions(capture.dim());
  RECSAE_ASSIGN_OR_RETURN(const sae::SaeModel model, sae::SaeModel::Create(weights));
  RECSAE_ASSIGN_OR_RETURN(const auto metrics,
                          cli::MeasureSae(session_, capture, kMeasuredRows, model));
  Sae sae;
  DescribeWeights(weights, &sae);
  sae.set_name(name);
  sae.set_capture(capture.name());
  sae.set_capture_uid(capture.uid());
  sae.set_recommender_uid(recommender_->uid());
  sae.mutable_report()->set_row_count(metrics.rows);
  sae.mutable_report()->set_fvu(std::isfinite(metrics.fvu) ? metrics.fvu : 1.0);
  sae.mutable_report()->set_l0(metrics.l0);
  sae.mutable_report()->set_dead_fraction(metrics.dead_fraction);
  sae.mutable_report()->set_version(std::string(Version()));
  return UploadSae(session_, sae, weights, NewRequestId());
}

absl::StatusOr<Sae> Workbench::SweptSae(const CellId& cell) {
  RECSAE_RETURN_IF_ERROR(NeedRecommender());
  TrainSaesRequest request;
  std::string wanted;
  for (const CellId& other : cells_) {
    const auto point = ParseSweep(other.method);
    if (!point) continue;
    RECSAE_ASSIGN_OR_RETURN(const auto train, PlanPoint(other, *point, flags_));
    const std::string name = absl::StrCat("saes/", train.sae_id());
    if (other == cell) wanted = name;
    const auto found = GetSae(session_, name);
    if (found.ok() && IsOf(*found, *recommender_)) {
      if (other == cell) return found;
      continue;
    }
    if (found.ok()) RECSAE_RETURN_IF_ERROR(DeleteSae(name));
    auto& variant = *request.add_variants();
    variant.set_sae_id(train.sae_id());
    *variant.mutable_config() = train.config();
  }
  RECSAE_RETURN_IF_ERROR(NeedTrainingRows());
  request.set_capture(plan_.train_sae.capture());
  const auto usable = [&](const Job& job) {
    const auto made = UnpackResult<trainer::v1::TrainSaesResult>(job);
    return made.ok() && std::all_of(made->saes().begin(), made->saes().end(), [&](const Sae& sae) {
             const auto now = GetSae(session_, sae.name());
             return now.ok() && SameTime(now->create_time(), sae.create_time());
           });
  };
  RECSAE_RETURN_IF_ERROR(
      RunStage(session_,
               MakeStage(session_, absl::StrCat("training ", request.variants_size(), " SAEs"),
                         "train-saes", session_.trainer_jobs(), session_.trainer(),
                         &trainer::v1::Trainer::Stub::TrainSaes, request,
                         IdentityOf(captures_.at(kTrainCapture)), usable),
               flags_.detach)
          .status());
  return GetSae(session_, wanted);
}

absl::StatusOr<Sae> Workbench::SaeOf(const CellId& cell) {
  if (cell.method == kRawMethod) return RawSae();
  if (cell.method == kRandomMethod) return RandomSae();
  if (cell.method == kTrainedMethod) return TrainedSae();
  return SweptSae(cell);
}

std::string Workbench::InputsOf(const Sae& sae) const {
  std::string inputs = IdentityOf(sae);
  for (const auto& [id, capture] : captures_) absl::StrAppend(&inputs, "\n", IdentityOf(capture));
  return inputs;
}

absl::Status Workbench::BuildConcepts(const Sae& sae, explainer::v1::ConceptReport& report) {
  RECSAE_RETURN_IF_ERROR(NeedAllCaptures());
  explainer::v1::BuildConceptsRequest request = plan_.build_concepts;
  request.set_sae(sae.name());
  if (flags_.llm) {
    *request.mutable_language_model() = LanguageOptions(flags_);
    session_.console().Say(absl::StrCat(
        "asking the language model about at most ", Plural(sae.latent_count(), "latent"), " of ",
        sae.name(), ": ", FormatCount(CallsOf(sae.latent_count(), flags_)), " calls at most"));
  }
  RECSAE_ASSIGN_OR_RETURN(
      auto made, RunOnSae<explainer::v1::ConceptReport>(
                     session_, "building concepts", "build-concepts",
                     &Explainer::Stub::BuildConcepts, request, InputsOf(sae), flags_.detach));
  report = std::move(made.product);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Concept>> Workbench::Concepts(const std::string& sae) {
  concept_store::v1::ListConceptsRequest request;
  request.set_parent(sae);
  RECSAE_ASSIGN_OR_RETURN(
      const auto all,
      session_.List(session_.concept_store(), &ConceptStore::Stub::ListConcepts, request,
                    &concept_store::v1::ListConceptsResponse::concepts_size, 0));
  return std::vector<Concept>(all.concepts().begin(), all.concepts().end());
}

absl::StatusOr<ordered_json> Workbench::MeasureSae(const CellId& cell) {
  RECSAE_ASSIGN_OR_RETURN(const Sae sae, SaeOf(cell));
  explainer::v1::ConceptReport report;
  RECSAE_RETURN_IF_ERROR(BuildConcepts(sae, report));
  explainer::v1::EvaluateSaeRequest request = plan_.evaluate;
  request.set_sae(sae.name());
  // The similarities are those of the concepts just built; the comparison reads the evidence
  // captures too, so one that was made anew asks for a new evaluation.
  RECSAE_ASSIGN_OR_RETURN(const auto evaluation,
                          RunOnSae<explainer::v1::Evaluation>(
                              session_, "evaluating", "evaluate-sae", &Explainer::Stub::EvaluateSae,
                              request, InputsOf(sae), flags_.detach));
  RECSAE_ASSIGN_OR_RETURN(const double variance, TestVariance());
  ordered_json json = SaeJson(sae, evaluation.product, report, variance);
  const bool trained = cell.method == kTrainedMethod;
  if (!trained && !flags_.llm) return json;
  RECSAE_ASSIGN_OR_RETURN(const auto concepts, Concepts(sae.name()));
  if (flags_.llm) AddPrecision(concepts, json["concepts"]);
  if (trained) {
    RECSAE_RETURN_IF_ERROR(NeedItems());
    json["examples"] = ExamplesJson(concepts, *items_);
  }
  return json;
}

absl::StatusOr<ordered_json> Workbench::MeasureSteering(const ordered_json* trained) {
  RECSAE_ASSIGN_OR_RETURN(const Sae sae, TrainedSae());
  RECSAE_RETURN_IF_ERROR(NeedCapture(kTestCapture));
  RECSAE_RETURN_IF_ERROR(NeedItems());
  RECSAE_ASSIGN_OR_RETURN(const auto concepts, Concepts(sae.name()));
  if (concepts.empty()) {
    // Someone deleted and trained it again.
    explainer::v1::ConceptReport report;
    RECSAE_RETURN_IF_ERROR(BuildConcepts(sae, report));
  }
  RECSAE_ASSIGN_OR_RETURN(const SteeredConcept target,
                          PickConcept(session_, sae.name(), *trained, flags_.attribute));
  return SteerCases(session_, sae.name(), captures_.at(kTestCapture), target, *items_,
                    flags_.cases);
}

absl::StatusOr<ordered_json> Workbench::MeasureFirstBlock(const CellId& cell) {
  for (const CaptureStep& step : plan_.captures) {
    RECSAE_RETURN_IF_ERROR(NeedCapture(step.request.capture_id().c_str()));
  }
  const std::string trained_on = plan_.captures.front().request.capture_id();
  trainer::v1::TrainSaeRequest train = plan_.train_sae;
  if (cell.method == kPublishedMethod) {
    train.set_sae_id(absl::StrCat(train.sae_id(), kPublishedSuffix));
    *train.mutable_config() = PublishedConfig(cell.seed, captures_.at(trained_on).row_count());
  }
  RECSAE_ASSIGN_OR_RETURN(const auto made,
                          MakeSae(session_, train, captures_.at(trained_on), flags_.detach));
  explainer::v1::EvaluateSaeRequest request = plan_.evaluate;
  request.set_sae(made.product.name());
  RECSAE_ASSIGN_OR_RETURN(const auto evaluation,
                          RunOnSae<explainer::v1::Evaluation>(
                              session_, "evaluating", "evaluate-sae", &Explainer::Stub::EvaluateSae,
                              request, InputsOf(made.product), flags_.detach));
  return FirstBlockJson(made.product, evaluation.product);
}

absl::StatusOr<ordered_json> Workbench::Measure(const CellId& cell, const ordered_json* trained) {
  if (cell.method == kSteerMethod) return MeasureSteering(trained);
  if (cell.method == kPublishedMethod || cell.method == kBlockMethod) {
    return MeasureFirstBlock(cell);
  }
  if (cell.method != kRecommenderMethod) {
    RECSAE_ASSIGN_OR_RETURN(ordered_json json, MeasureSae(cell));
    return json;
  }
  RECSAE_RETURN_IF_ERROR(NeedRecommender());
  return RecommenderJson(*recommender_);
}

absl::Status Workbench::DeleteSae(const std::string& name) {
  concept_store::v1::DeleteSaeRequest request;
  request.set_name(name);
  return Deleted(
      session_.Call(session_.concept_store(), &ConceptStore::Stub::DeleteSae, request).status());
}

absl::Status Workbench::DeleteCapture(const std::string& id) {
  probe::v1::DeleteCaptureRequest request;
  request.set_name(plan_.capture(id));
  return Deleted(session_.Call(session_.probe(), &Probe::Stub::DeleteCapture, request).status());
}

absl::Status Workbench::CleanUp() {
  const std::string recommender = plan_.train_recommender.recommender_id();
  if (IsFirstBlock(cells_.front().recommender)) {
    for (const CaptureStep& step : plan_.captures) {
      if (step.request.split() == probe::v1::SPLIT_TEST) continue;
      RECSAE_RETURN_IF_ERROR(DeleteCapture(step.request.capture_id()));
    }
    captures_.clear();
    return absl::OkStatus();
  }
  RECSAE_RETURN_IF_ERROR(DeleteSae(absl::StrCat("saes/", recommender, kRawSuffix)));
  RECSAE_RETURN_IF_ERROR(DeleteSae(absl::StrCat(plan_.sae(), kRandomSuffix)));
  // Those of cells that an earlier run finished, too.
  for (const SweepPoint& point : SweepPoints(flags_.sae_flags)) {
    RECSAE_ASSIGN_OR_RETURN(const auto train, PlanPoint(cells_.front(), point, flags_));
    RECSAE_RETURN_IF_ERROR(DeleteSae(absl::StrCat("saes/", train.sae_id())));
  }
  for (const char* id : {kTrainCapture, kDevCapture, kContextCapture}) {
    RECSAE_RETURN_IF_ERROR(DeleteCapture(id));
  }
  captures_.clear();
  return absl::OkStatus();
}

}  // namespace recsae::cli
