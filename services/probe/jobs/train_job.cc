// Trains a recommender on a data set and registers it together with its catalogue.
#include <google/protobuf/any.pb.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/jobs/job_runner.h"
#include "common/status/status.h"
#include "common/storage/keys.h"
#include "services/probe/dataset_source.h"
#include "services/probe/hyper_parameters.h"
#include "services/probe/jobs/jobs.h"
#include "services/probe/recommenders/evaluation.h"
#include "services/probe/recommenders/recommender.h"
#include "services/probe/resources/resources.h"

namespace recsae::probe {
namespace {

constexpr int kItemsPerWrite = 10'000;

Items CatalogItems(const Dataset& dataset) {
  Items items;
  for (const Item& item : dataset.items) {
    v1::Item* added = items.Add();
    added->set_id(item.id);
    added->set_title(item.title);
    for (const Attribute& attribute : item.attributes) {
      v1::Attribute* fact = added->add_attributes();
      fact->set_key(attribute.key);
      fact->set_value(attribute.value);
    }
  }
  return items;
}

class TrainJob {
 public:
  TrainJob(JobEnvironment environment, JobContext& job)
      : resources_(environment.resources), datasets_(environment.datasets), job_(job) {}

  absl::StatusOr<v1::Recommender> Run();

 private:
  absl::Status Train(Recommender& model);
  absl::Status Evaluate(const Recommender& model);
  void Report(const TrainProgress& progress);
  void SetMetric(const std::string& name, double value);

  absl::StatusOr<v1::Recommender> Publish(const Recommender& model);
  // Whether the catalogue is there with exactly these items; CATALOG_EXISTS if with others.
  absl::StatusOr<bool> HasCatalog(const Items& items);
  absl::Status StageCatalog(uint64_t uid, const Items& items);
  absl::Status StageHead(const Recommender& model, HeadWriter& head) const;

  Resources& resources_;
  DatasetSource& datasets_;
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
  RECSAE_RETURN_IF_ERROR(HasCatalog(CatalogItems(dataset_->data)).status());
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<Recommender> model, NewRecommender(options));
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
  for (const auto& [split, cases] :
       {std::pair("dev_", &dataset_->data.dev), std::pair("test_", &dataset_->data.test)}) {
    RECSAE_ASSIGN_OR_RETURN(const RankingMetrics metrics,
                            EvaluateRecommender(model, dataset_->data, *cases));
    if (metrics.cases() == 0) continue;
    for (const int k : RankingMetrics::kCutoffs) {
      SetMetric(absl::StrCat(split, "hr@", k), metrics.hr(k));
      SetMetric(absl::StrCat(split, "ndcg@", k), metrics.ndcg(k));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> TrainJob::HasCatalog(const Items& items) {
  absl::StatusOr<StoredCatalog> catalog = resources_.catalogs().Get(recommender_.catalog());
  if (absl::IsNotFound(catalog.status())) return false;
  RECSAE_RETURN_IF_ERROR(catalog.status());
  bool same = catalog->message.items() == items.size();
  RECSAE_RETURN_IF_ERROR(
      resources_.catalogs().ReadItems(*catalog, 0, [&](int64_t position, v1::Item& item) {
        same = same &&
               item.SerializeAsString() == items[static_cast<int>(position)].SerializeAsString();
        return same;
      }));
  if (same) return true;
  return Error(absl::StatusCode::kAlreadyExists, "CATALOG_EXISTS",
               absl::StrCat(recommender_.catalog(),
                            " exists already and holds other items than data "
                            "set \"",
                            request_.dataset().name(),
                            "\": choose another recommender_id or delete the catalogue"),
               {{"catalog", recommender_.catalog()}});
}

absl::Status TrainJob::StageCatalog(uint64_t uid, const Items& items) {
  for (int at = 0; at < items.size(); at += kItemsPerWrite) {
    const int end = std::min(at + kItemsPerWrite, items.size());
    const Items part(items.begin() + at, items.begin() + end);
    WriteBatch batch = resources_.store().db().NewBatch();
    CatalogStore::PutItems(uid, at, part, batch);
    RECSAE_RETURN_IF_ERROR(resources_.store().db().Write(std::move(batch), Durability::kUnsynced));
  }
  return absl::OkStatus();
}

absl::Status TrainJob::StageHead(const Recommender& model, HeadWriter& head) const {
  const std::vector<Item>& items = dataset_->data.items;
  for (size_t at = 0; at < items.size(); at += kItemsPerWrite) {
    std::vector<std::string> ids;
    for (size_t i = at; i < std::min(at + kItemsPerWrite, items.size()); ++i) {
      ids.push_back(items[i].id);
    }
    const MatrixView vectors{model.item_vectors().data() + at * model.dim(),
                             static_cast<int64_t>(ids.size()), model.dim()};
    RECSAE_RETURN_IF_ERROR(head.Add(ids, vectors, {}));
  }
  return head.CheckComplete();
}

absl::StatusOr<v1::Recommender> TrainJob::Publish(const Recommender& model) {
  Store& store = resources_.store();
  recommender_.set_kind(request_.kind());
  recommender_.set_activation_dim(model.dim());
  recommender_.set_has_prediction_head(true);
  recommender_.set_hosted(true);
  *recommender_.mutable_dataset() = request_.dataset();
  *recommender_.mutable_hyper_parameters() = ToMessage(model.options());

  const Items items = CatalogItems(dataset_->data);
  StoredCatalog catalog;
  StoredRecommender stored;
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<Staging> catalog_staging, Staging::Begin(store));
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<Staging> model_staging, Staging::Begin(store));
  RECSAE_RETURN_IF_ERROR(StageCatalog(catalog_staging->uid(), items));
  RECSAE_RETURN_IF_ERROR(RecommenderStore::PutModel(store.db(), model_staging->uid(), model.Save(),
                                                    dataset_->data.users));
  std::vector<std::string> ids;
  for (const v1::Item& item : items) ids.push_back(item.id());
  RECSAE_ASSIGN_OR_RETURN(
      const std::unique_ptr<HeadWriter> head,
      HeadWriter::Begin(store, std::make_shared<const ItemIndex>(ids), model.dim()));
  RECSAE_RETURN_IF_ERROR(StageHead(model, *head));

  absl::MutexLock lock(&store.mutex());
  WriteBatch batch = store.db().NewBatch();
  const auto now = google::protobuf::util::TimeUtil::GetCurrentTime();
  RECSAE_ASSIGN_OR_RETURN(const bool has_catalog, HasCatalog(items));
  if (!has_catalog) {
    catalog.uid = catalog_staging->uid();
    catalog.origin = job_.name();
    catalog.message.set_name(recommender_.catalog());
    catalog.message.set_display_name(request_.dataset().name());
    catalog.message.set_items(items.size());
    *catalog.message.mutable_create_time() = now;
    RECSAE_RETURN_IF_ERROR(resources_.catalogs().Create(catalog, batch));
    catalog_staging->Keep(batch);
  }
  stored.uid = model_staging->uid();
  stored.head_uid = head->staging().uid();
  stored.origin = job_.name();
  *recommender_.mutable_create_time() = now;
  stored.message = recommender_;
  RECSAE_RETURN_IF_ERROR(resources_.recommenders().Create(stored, batch));
  model_staging->Keep(batch);
  head->staging().Keep(batch);
  RECSAE_RETURN_IF_ERROR(store.db().Write(std::move(batch)));
  if (!has_catalog) catalog_staging->Done();
  model_staging->Done();
  head->Done();
  return recommender_;
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
