// Trains a recommender on a data set and registers it together with its catalogue.
#include <google/protobuf/any.pb.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/budget/memory_budget.h"
#include "common/jobs/job_runner.h"
#include "services/probe/datasets/dataset_source.h"
#include "services/probe/jobs/jobs.h"
#include "services/probe/models/hyper_parameters.h"
#include "services/probe/models/staged_recommender.h"
#include "services/probe/recommenders/factory.h"
#include "services/probe/recommenders/model/evaluation.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/train/estimate.h"
#include "services/probe/resources/resources.h"

namespace recsae::probe {
namespace {

// A recommender that cannot be measured is not worth the minutes that it takes.
absl::Status CheckHeldOut(const Dataset& data, const std::string& name) {
  if (!data.test.empty()) return absl::OkStatus();
  return Error(
      absl::StatusCode::kFailedPrecondition, "DATASET_NO_TEST_ROWS",
      absl::StrCat("data set \"", name,
                   "\" has no test row, so that nothing could be measured or explained: no "
                   "user has three interactions, or the split that its files give has none "
                   "(recsae datasets get ",
                   name, " says what is in it)"),
      {{"dataset", name}});
}

class TrainJob {
 public:
  TrainJob(JobEnvironment environment, JobContext& job)
      : resources_(environment.resources),
        datasets_(environment.datasets),
        torch_(environment.torch),
        memory_(environment.memory),
        job_(job) {}

  absl::StatusOr<v1::Recommender> Run();

 private:
  absl::Status Train(Recommender& model);
  absl::Status Evaluate(const Recommender& model);
  void Report(const TrainProgress& progress);
  void SetMetric(const std::string& name, double value);

  absl::StatusOr<v1::Recommender> Publish(const Recommender& model);

  Resources& resources_;
  DatasetSource& datasets_;
  const TorchKinds& torch_;
  MemoryBudget& memory_;
  JobContext& job_;
  v1::TrainRecommenderRequest request_;
  std::shared_ptr<const LoadedDataset> dataset_;
  v1::Recommender recommender_;
};

absl::StatusOr<v1::Recommender> TrainJob::Run() {
  if (!job_.spec().UnpackTo(&request_)) {
    return Error(absl::StatusCode::kInternal, "JOB_SPEC_INVALID",
                 "the job's request is unreadable");
  }
  recommender_.set_name(absl::StrCat("recommenders/", request_.recommender_id()));
  recommender_.set_catalog(absl::StrCat("catalogs/", request_.recommender_id()));
  absl::StatusOr<StoredRecommender> made = resources_.recommenders().Get(recommender_.name());
  if (made.ok() && made->origin == job_.name()) return made->message;

  RECSAE_ASSIGN_OR_RETURN(const RecommenderOptions options,
                          ToOptions(request_.kind(), request_.hyper_parameters()));
  job_.SetProgress("reading the data set", 0, options.max_epochs, "epochs");
  RECSAE_ASSIGN_OR_RETURN(dataset_,
                          datasets_.Load(request_.dataset(), [&] { return job_.Interrupted(); }));
  if (!request_.data_fingerprint().empty() &&
      request_.data_fingerprint() != dataset_->fingerprint) {
    return Error(absl::StatusCode::kFailedPrecondition, "DATASET_CHANGED",
                 absl::StrCat("data set \"", request_.dataset().name(), "\" has changed since ",
                              request_.data_fingerprint(), ", it is ", dataset_->fingerprint,
                              " now: ask for what is there"),
                 {{"dataset", request_.dataset().name()}, {"fingerprint", dataset_->fingerprint}});
  }
  *recommender_.mutable_dataset() = request_.dataset();
  recommender_.mutable_dataset()->set_name(dataset_->data.name);  // asked for by a path, maybe
  recommender_.set_data_fingerprint(dataset_->fingerprint);
  RECSAE_RETURN_IF_ERROR(CheckHeldOut(dataset_->data, request_.dataset().name()));
  AddRemarks(dataset_->data.remarks, *recommender_.mutable_dataset_remarks());
  RECSAE_RETURN_IF_ERROR(HasCatalogOf(resources_, recommender_, dataset_->data).status());
  RECSAE_ASSIGN_OR_RETURN(
      const Permit permit,
      memory_.Take(
          TrainingBytes(options, SizeOf(dataset_->data)),
          absl::StrCat("training ", recommender_.name()),
          "hyper_parameters.embedding_dim, history_length, layer_count or batch_size, or take a "
          "smaller data set"));
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<Recommender> model,
                          NewRecommender(options, torch_));
  RECSAE_RETURN_IF_ERROR(Train(*model));
  RECSAE_RETURN_IF_ERROR(Evaluate(*model));
  RECSAE_RETURN_IF_ERROR(job_.Interrupted());
  return Publish(*model);
}

void TrainJob::SetMetric(const std::string& name, double value) {
  job_.SetMetric(name, value);
  (*recommender_.mutable_metrics())[name] = value;
}

void TrainJob::Report(const TrainProgress& progress) {
  const int done = progress.epoch_done ? progress.epoch : progress.epoch - 1;
  job_.SetProgress(absl::StrCat("epoch ", progress.epoch, " of at most ", progress.max_epochs),
                   done, progress.max_epochs, "epochs");
  job_.SetMetric("loss", progress.loss);
  if (progress.best_epoch == 0) return;
  job_.SetMetric("dev_ndcg@10", progress.dev_ndcg);
  job_.SetMetric("best_dev_ndcg@10", progress.best_dev_ndcg);
  job_.SetMetric("best_epoch", progress.best_epoch);
}

absl::Status TrainJob::Train(Recommender& model) {
  const absl::Time start = absl::Now();
  absl::StatusOr<TrainReport> report =
      model.Train(dataset_->data, [&](const TrainProgress& progress) {
        Report(progress);
        return job_.Interrupted().ok();
      });
  // What Train says of a cancel is less than what the job knows (cancelled, or the process stops).
  RECSAE_RETURN_IF_ERROR(job_.Interrupted());
  RECSAE_RETURN_IF_ERROR(report.status());
  SetMetric("epochs", report->epochs);
  SetMetric("best_epoch", report->best_epoch);
  SetMetric("train_seconds", absl::ToDoubleSeconds(absl::Now() - start));
  job_.SetProgress("evaluating", report->epochs, report->epochs, "epochs");
  return absl::OkStatus();
}

absl::Status TrainJob::Evaluate(const Recommender& model) {
  RECSAE_ASSIGN_OR_RETURN(const auto metrics, MeasureQuality(model, dataset_->data, [&] {
                            return !job_.Interrupted().ok();
                          }));
  for (const auto& [name, value] : metrics) SetMetric(name, value);
  return absl::OkStatus();
}

absl::StatusOr<v1::Recommender> TrainJob::Publish(const Recommender& model) {
  *recommender_.mutable_hyper_parameters() = ToMessage(model.options());
  RECSAE_ASSIGN_OR_RETURN(
      const std::unique_ptr<StagedRecommender> staged,
      StagedRecommender::Stage(resources_, model, &dataset_->data, {recommender_, job_.name()}));
  Store& store = resources_.store();
  absl::MutexLock lock(&store.mutex());
  WriteBatch batch = store.db().NewBatch();
  RECSAE_ASSIGN_OR_RETURN(v1::Recommender published, staged->Add(batch));
  RECSAE_RETURN_IF_ERROR(store.Commit(std::move(batch)));
  staged->Done();
  return published;
}

}  // namespace

absl::StatusOr<google::protobuf::Any> TrainRecommenderJob(JobEnvironment environment,
                                                          JobContext& job) {
  RECSAE_ASSIGN_OR_RETURN(const v1::Recommender recommender, TrainJob(environment, job).Run());
  google::protobuf::Any result;
  result.PackFrom(recommender);
  return result;
}

}  // namespace recsae::probe
