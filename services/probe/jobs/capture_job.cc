// Runs a hosted recommender over a split of its data set and stores the activations.
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
#include "common/jobs/job_runner.h"
#include "common/row_order/random.h"
#include "common/status/status.h"
#include "services/probe/dataset_source.h"
#include "services/probe/jobs/hosted_models.h"
#include "services/probe/jobs/jobs.h"
#include "services/probe/resources/ranked_items.h"
#include "services/probe/resources/resources.h"

namespace recsae::probe {
namespace {

// A whole number of blocks for every length of activation.
constexpr int64_t kBatchRows = 1024;
// Users whose indices are compared at once.
constexpr size_t kUsersPerRead = 1000;

// `count` of the cases, drawn without repetition by `seed`, in their order.
std::vector<Case> Draw(std::vector<Case> cases, int64_t count, uint64_t seed) {
  if (count == 0 || count >= static_cast<int64_t>(cases.size())) return cases;
  Random random(seed);
  std::vector<Case> drawn;
  drawn.reserve(count);
  for (size_t i = 0; i < cases.size(); ++i) {
    // Selection sampling (Knuth, TAOCP 2, algorithm 3.4.2S).
    if (random.Below(cases.size() - i) < static_cast<uint64_t>(count) - drawn.size()) {
      drawn.push_back(cases[i]);
    }
  }
  return drawn;
}

class CaptureJob {
 public:
  CaptureJob(JobEnvironment environment, JobContext& job)
      : resources_(environment.resources),
        datasets_(environment.datasets),
        models_(environment.models),
        job_(job) {}

  absl::StatusOr<v1::Capture> Run();

 private:
  absl::Status Open();
  absl::Status CheckSameData() const;
  std::vector<Case> SplitCases() const;
  absl::Status Write(absl::Span<const Case> cases, CaptureWriter& writer);
  absl::StatusOr<std::vector<StoredCase>> Contexts(absl::Span<const Case> cases,
                                                   const MatrixView& activations);
  StoredCase Context(const Case& one);
  absl::StatusOr<v1::Capture> Publish(CaptureWriter& writer);

  Resources& resources_;
  DatasetSource& datasets_;
  HostedModels& models_;
  JobContext& job_;
  v1::CaptureActivationsRequest request_;
  StoredRecommender recommender_;
  std::shared_ptr<const Recommender> model_;
  std::shared_ptr<const PredictionHead> head_;
  std::shared_ptr<const LoadedDataset> loaded_;
  // What one user touched, ascending and without repetition; cases come user by user.
  int32_t touched_user_ = -1;
  std::vector<int32_t> touched_;
};

absl::StatusOr<v1::Capture> CaptureJob::Run() {
  if (!job_.spec().UnpackTo(&request_)) {
    return Error(absl::StatusCode::kInternal, "JOB_SPEC_INVALID",
                 "the job's request is unreadable");
  }
  absl::StatusOr<StoredCapture> made = resources_.captures().Get(job_.target());
  if (made.ok() && made->origin == job_.name()) return made->message;

  RECSAE_RETURN_IF_ERROR(Open());
  const std::vector<Case> cases = Draw(SplitCases(), request_.max_rows(), request_.seed());
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<CaptureWriter> writer,
                          CaptureWriter::Begin(resources_.store(), model_->dim()));
  const auto total = static_cast<int64_t>(cases.size());
  const absl::Time start = absl::Now();
  while (writer->rows() < total) {
    RECSAE_RETURN_IF_ERROR(job_.Interrupted());
    RECSAE_RETURN_IF_ERROR(
        Write(absl::MakeConstSpan(cases).subspan(writer->rows(), kBatchRows), *writer));
    job_.SetProgress("capturing", writer->rows(), total, "rows");
    job_.SetMetric("rows_per_second", static_cast<double>(writer->rows()) /
                                          absl::ToDoubleSeconds(absl::Now() - start));
  }
  return Publish(*writer);
}

absl::Status CaptureJob::Open() {
  job_.SetProgress("reading the data set", 0, 0, "rows");
  RECSAE_ASSIGN_OR_RETURN(recommender_, resources_.recommenders().Get(request_.parent()));
  RECSAE_ASSIGN_OR_RETURN(model_, models_.Get(recommender_));
  RECSAE_ASSIGN_OR_RETURN(head_, resources_.recommenders().Head(recommender_));
  RECSAE_ASSIGN_OR_RETURN(
      loaded_, datasets_.Load(recommender_.message.dataset(), [&] { return job_.Interrupted(); }));
  return CheckSameData();
}

// The indices of items and users must mean what they meant in training.
absl::Status CaptureJob::CheckSameData() const {
  const Dataset& dataset = loaded_->data;
  RECSAE_ASSIGN_OR_RETURN(const StoredCatalog catalog,
                          resources_.catalogs().Get(recommender_.message.catalog()));
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const ItemIndex> index,
                          resources_.catalogs().Index(catalog));
  bool same = static_cast<int64_t>(dataset.items.size()) == model_->items() &&
              model_->items() <= index->size();
  for (size_t i = 0; same && i < dataset.items.size(); ++i) {
    same = dataset.items[i].id == index->ids()[i];
  }
  const auto users = absl::MakeConstSpan(dataset.users);
  for (size_t at = 0; same && at < users.size(); at += kUsersPerRead) {
    RECSAE_ASSIGN_OR_RETURN(
        const std::vector<int32_t> indices,
        resources_.recommenders().UserIndices(recommender_, users.subspan(at, kUsersPerRead)));
    for (size_t i = 0; i < indices.size(); ++i) {
      same = same && indices[i] == static_cast<int32_t>(at + i);
    }
  }
  if (same) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "DATASET_CHANGED",
               absl::StrCat("data set \"", recommender_.message.dataset().name(),
                            "\" is no longer the one that ", recommender_.message.name(),
                            " was trained on: train a new recommender on it"),
               {{"recommender", recommender_.message.name()}});
}

std::vector<Case> CaptureJob::SplitCases() const {
  switch (request_.split()) {
    case v1::SPLIT_DEV:
      return AnswerableCases(*model_, loaded_->data.dev);
    case v1::SPLIT_TEST:
      return AnswerableCases(*model_, loaded_->data.test);
    default:
      return TrainRows(*model_, loaded_->data);
  }
}

absl::Status CaptureJob::Write(absl::Span<const Case> cases, CaptureWriter& writer) {
  RECSAE_ASSIGN_OR_RETURN(
      const std::vector<float> activations,
      model_->Activations(QueriesOf(loaded_->data, cases, model_->options().history),
                          [&] { return !job_.Interrupted().ok(); }));
  const MatrixView rows{activations.data(), static_cast<int64_t>(cases.size()), model_->dim()};
  std::vector<StoredCase> contexts;
  if (request_.with_cases()) {
    RECSAE_ASSIGN_OR_RETURN(contexts, Contexts(cases, rows));
  }
  return writer.Add(rows, contexts);
}

absl::StatusOr<std::vector<StoredCase>> CaptureJob::Contexts(absl::Span<const Case> cases,
                                                             const MatrixView& activations) {
  std::vector<StoredCase> contexts;
  contexts.reserve(cases.size());
  for (const Case& one : cases) contexts.push_back(Context(one));
  const int ranked = request_.ranked_items() == 0 ? kDefaultRankedItems : request_.ranked_items();
  RECSAE_RETURN_IF_ERROR(FillRankedItems(
      *head_, activations, ranked, [&] { return job_.Interrupted(); }, absl::MakeSpan(contexts)));
  return contexts;
}

StoredCase CaptureJob::Context(const Case& one) {
  const Dataset& dataset = loaded_->data;
  if (one.user != touched_user_) {
    touched_user_ = one.user;
    touched_ = dataset.sequences[one.user];
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  }
  StoredCase stored;
  stored.user_id = dataset.users[one.user];
  stored.target = Target(dataset, one);
  const absl::Span<const int32_t> history = History(dataset, one, model_->options().history);
  stored.history.assign(history.begin(), history.end());
  std::vector<int32_t> past = stored.history;
  std::sort(past.begin(), past.end());
  // Whatever else the user touched, in any split ("test-all").
  std::set_difference(touched_.begin(), touched_.end(), past.begin(), past.end(),
                      std::back_inserter(stored.excluded));
  const auto target =
      std::lower_bound(stored.excluded.begin(), stored.excluded.end(), stored.target);
  if (target != stored.excluded.end() && *target == stored.target) stored.excluded.erase(target);
  return stored;
}

absl::StatusOr<v1::Capture> CaptureJob::Publish(CaptureWriter& writer) {
  StoredCapture capture;
  capture.uid = writer.staging().uid();
  capture.origin = job_.name();
  capture.message.set_name(job_.target());
  capture.message.set_split(request_.split());
  capture.message.set_rows(writer.rows());
  capture.message.set_dim(model_->dim());
  capture.message.set_has_cases(request_.with_cases());
  *capture.message.mutable_create_time() = google::protobuf::util::TimeUtil::GetCurrentTime();

  Store& store = resources_.store();
  absl::MutexLock lock(&store.mutex());
  RECSAE_RETURN_IF_ERROR(job_.Interrupted());
  RECSAE_ASSIGN_OR_RETURN(const StoredRecommender now,
                          resources_.recommenders().Get(request_.parent()));
  if (now.uid != recommender_.uid) {
    return Error(absl::StatusCode::kAborted, "RECOMMENDER_REPLACED",
                 absl::StrCat(request_.parent(), " was deleted and made anew meanwhile"),
                 {{"recommender", request_.parent()}});
  }
  WriteBatch batch = store.db().NewBatch();
  RECSAE_RETURN_IF_ERROR(resources_.captures().Create(capture, batch));
  writer.staging().Keep(batch);
  RECSAE_RETURN_IF_ERROR(store.db().Write(std::move(batch)));
  writer.Done();
  return capture.message;
}

}  // namespace

absl::StatusOr<google::protobuf::Any> CaptureActivationsJob(JobEnvironment environment,
                                                            JobContext& job) {
  RECSAE_ASSIGN_OR_RETURN(const v1::Capture capture, CaptureJob(environment, job).Run());
  google::protobuf::Any result;
  result.PackFrom(capture);
  return result;
}

}  // namespace recsae::probe
