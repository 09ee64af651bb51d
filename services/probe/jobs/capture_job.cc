// Runs a hosted recommender over a split of its data set and stores the activations.
#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/id.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/budget/memory_budget.h"
#include "common/client/retry.h"
#include "common/jobs/job_runner.h"
#include "common/messages/time.h"
#include "services/probe/datasets/dataset_source.h"
#include "services/probe/hosts/hosted_model.h"
#include "services/probe/jobs/jobs.h"
#include "services/probe/models/hosted_models.h"
#include "services/probe/resources/ranked_items.h"
#include "services/probe/resources/resources.h"

namespace recsae::probe {
namespace {

// Each user's last training interaction. A recommender that knows users has one activation for
// each: as evidence for concepts, the same one again would only pretend to be more.
std::vector<Case> LastOfUsers(const Dataset& dataset) {
  std::vector<Case> cases;
  for (size_t user = 0; user < dataset.train_length.size(); ++user) {
    if (dataset.train_length[user] == 0) continue;
    cases.push_back({static_cast<int32_t>(user), dataset.train_length[user] - 1});
  }
  return cases;
}

// A whole number of blocks for every length of activation.
constexpr int64_t kBatchRows = 1024;
// How long a job waits for a host that went away.
constexpr absl::Duration kHostPatience = absl::Minutes(5);
constexpr int kHostAttempts = 1000;
// Users whose indices are compared at once.
constexpr size_t kUsersPerRead = 1000;

// One row of the capture: the recommender is run on the items [begin, window_end) of the user's
// sequence, and the row is its activation at the last item of [begin, end). The item at `end` is
// the target.
struct Row {
  int32_t user = 0;
  int32_t begin = 0;
  int32_t end = 0;
  int32_t window_end = 0;

  bool SameRun(const Row& other) const {
    return user == other.user && begin == other.begin && window_end == other.window_end;
  }
};

// A row for each position of the window.
void AddPositions(int32_t user, int32_t begin, int32_t end, std::vector<Row>* rows) {
  for (int32_t at = begin + 1; at <= end; ++at) rows->push_back({user, begin, at, end});
}

// `count` of the rows, drawn without repetition by `seed`, in their order.
std::vector<Row> Draw(std::vector<Row> rows, int64_t count, uint64_t seed) {
  if (count == 0 || count >= static_cast<int64_t>(rows.size())) return rows;
  Random random(seed);
  std::vector<Row> drawn;
  drawn.reserve(count);
  for (size_t i = 0; i < rows.size(); ++i) {
    // Selection sampling (Knuth, TAOCP 2, algorithm 3.4.2S).
    if (random.Below(rows.size() - i) < static_cast<uint64_t>(count) - drawn.size()) {
      drawn.push_back(rows[i]);
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
        memory_(environment.memory),
        job_(job) {}

  absl::StatusOr<v1::Capture> Run();

 private:
  absl::Status Open();
  // Users and interactions of a hosted recommender, which its hosts know.
  absl::Status ReadFromHost();
  absl::Status CheckSameData() const;
  absl::Status DatasetChanged() const;
  std::vector<Case> SplitCases() const;
  // Held-out rows that the recommender has no activation for: their users have no past that it
  // knows.
  int64_t HeldOutLeftOut() const;
  std::vector<Row> SplitRows() const;
  absl::Status Write(absl::Span<const Row> rows, CaptureWriter& writer);
  // The same, and waits for a host that went away. A write that failed so wrote nothing.
  absl::Status WriteWhenHosted(absl::Span<const Row> rows, CaptureWriter& writer);
  absl::StatusOr<std::vector<float>> Activations(absl::Span<const Row> rows) const;
  // Those just before scoring, for histories that end with the rows.
  absl::StatusOr<std::vector<float>> UserActivations(absl::Span<const Row> rows) const;
  absl::StatusOr<std::vector<StoredCase>> Contexts(absl::Span<const Row> rows,
                                                   absl::Span<const float> user_activations);
  StoredCase Context(const Row& row);
  absl::Span<const int32_t> Items(int32_t user, int32_t begin, int32_t end) const {
    return absl::MakeConstSpan(loaded_->data.sequences[user]).subspan(begin, end - begin);
  }
  absl::StatusOr<v1::Capture> Publish(CaptureWriter& writer);

  Resources& resources_;
  DatasetSource& datasets_;
  HostedModels& models_;
  MemoryBudget& memory_;
  JobContext& job_;
  v1::CaptureActivationsRequest request_;
  StoredRecommender recommender_;
  std::shared_ptr<const Recommender> model_;
  std::shared_ptr<const PredictionHead> head_;
  Permit hosted_data_permit_;
  std::shared_ptr<const LoadedDataset> loaded_;
  ProbeSite site_;
  Positions positions_ = Positions::kLast;
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
  // At most a row for each interaction, before and after some are drawn.
  RECSAE_ASSIGN_OR_RETURN(
      const Permit permit,
      memory_.Take(Product({CountInteractions(loaded_->data), 2 * int64_t{sizeof(Row)}}),
                   absl::StrCat("capturing ", job_.target()), "the size of the data set"));
  const std::vector<Row> rows = Draw(SplitRows(), request_.max_rows(), request_.seed());
  if (const int64_t left_out = HeldOutLeftOut(); left_out > 0)
    job_.SetMetric("rows_left_out", static_cast<double>(left_out));
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<CaptureWriter> writer,
                          CaptureWriter::Begin(resources_.store()));
  const auto total = static_cast<int64_t>(rows.size());
  const absl::Time start = absl::Now();
  while (writer->rows() < total) {
    RECSAE_RETURN_IF_ERROR(job_.Interrupted());
    RECSAE_RETURN_IF_ERROR(
        WriteWhenHosted(absl::MakeConstSpan(rows).subspan(writer->rows(), kBatchRows), *writer));
    job_.SetProgress("capturing", writer->rows(), total, "rows");
    job_.SetMetric("rows_per_second", static_cast<double>(writer->rows()) /
                                          absl::ToDoubleSeconds(absl::Now() - start));
  }
  return Publish(*writer);
}

absl::Status CaptureJob::Open() {
  job_.SetProgress("reading the data set", 0, 0, "rows");
  RECSAE_ASSIGN_OR_RETURN(recommender_, resources_.recommenders().Get(request_.parent()));
  RECSAE_ASSIGN_OR_RETURN(model_, models_.Get(recommender_, [this] { return job_.Interrupted(); }));
  const std::vector<ProbeSite> sites = model_->ProbeSites();
  RECSAE_ASSIGN_OR_RETURN(const size_t site, FindSite(sites, request_.site()));
  site_ = sites[site];
  if (request_.positions() == v1::POSITIONS_ALL) positions_ = Positions::kAll;
  RECSAE_ASSIGN_OR_RETURN(
      head_, resources_.recommenders().Head(recommender_, [this] { return job_.Interrupted(); }));
  if (recommender_.message.kind() == v1::Recommender::KIND_HOSTED) return ReadFromHost();
  RECSAE_ASSIGN_OR_RETURN(
      loaded_, datasets_.Load(recommender_.message.dataset(), [&] { return job_.Interrupted(); }));
  return CheckSameData();
}

absl::Status CaptureJob::ReadFromHost() {
  const auto* model = dynamic_cast<const HostedModel*>(model_.get());
  if (model == nullptr) {
    return Error(absl::StatusCode::kInternal, "HOST_MISSING",
                 "the recommender has no host's model");
  }
  const hosts::v1::Description& has = model->description();
  // Users' ids, and sequences as long as those of a data set usually are.
  constexpr int64_t kUserBytes = 1024;
  RECSAE_ASSIGN_OR_RETURN(
      hosted_data_permit_,
      memory_.Take(Product({has.user_count(), kUserBytes}),
                   absl::StrCat("the interactions of ", recommender_.message.name()),
                   "the host's users"));
  auto loaded = std::make_shared<LoadedDataset>();
  RECSAE_ASSIGN_OR_RETURN(loaded->data.users, resources_.recommenders().UserIds(recommender_));
  RECSAE_RETURN_IF_ERROR(
      model->ReadInteractions([this] { return !job_.Interrupted().ok(); }, loaded->data));
  RECSAE_RETURN_IF_ERROR(hosted_data_permit_.Resize(
      Sum({Product({has.user_count(), kUserBytes}),
           Product({CountInteractions(loaded->data), int64_t{sizeof(int32_t)}})})));
  loaded_ = std::move(loaded);
  return absl::OkStatus();
}

// Rows of other data than a recommender was trained on say nothing of it, and where the indices of
// items and users mean something else they are wrong. One of an earlier version does not know its
// data's fingerprint: then the indices are compared.
absl::Status CaptureJob::CheckSameData() const {
  const Dataset& dataset = loaded_->data;
  const std::string& trained_on = recommender_.message.data_fingerprint();
  if (!trained_on.empty()) {
    return trained_on == loaded_->fingerprint ? absl::OkStatus() : DatasetChanged();
  }
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
  return same ? absl::OkStatus() : DatasetChanged();
}

absl::Status CaptureJob::DatasetChanged() const {
  return Error(absl::StatusCode::kFailedPrecondition, "DATASET_CHANGED",
               absl::StrCat("data set \"", recommender_.message.dataset().name(),
                            "\" is no longer the one that ", recommender_.message.name(),
                            " was trained on: train a new recommender on it"),
               {{"recommender", recommender_.message.name()}});
}

std::vector<Case> CaptureJob::SplitCases() const {
  switch (request_.split()) {
    case v1::SPLIT_DEV:
      return AnswerableCases(*model_, loaded_->data, loaded_->data.dev);
    case v1::SPLIT_TEST:
      return AnswerableCases(*model_, loaded_->data, loaded_->data.test);
    default:
      if (request_.with_cases() && !model_->reads_history()) return LastOfUsers(loaded_->data);
      return TrainRows(*model_, loaded_->data);
  }
}

int64_t CaptureJob::HeldOutLeftOut() const {
  const Dataset& dataset = loaded_->data;
  if (request_.split() != v1::SPLIT_DEV && request_.split() != v1::SPLIT_TEST) return 0;
  const std::vector<Case>& all = request_.split() == v1::SPLIT_DEV ? dataset.dev : dataset.test;
  return std::ssize(all) - std::ssize(SplitCases());
}

std::vector<Row> CaptureJob::SplitRows() const {
  const int history = model_->options().history;
  std::vector<Row> rows;
  if (positions_ == Positions::kAll && request_.split() == v1::SPLIT_TRAIN) {
    const std::vector<int32_t>& lengths = loaded_->data.train_length;
    for (int32_t user = 0; user < static_cast<int32_t>(lengths.size()); ++user) {
      const int32_t inputs = lengths[user] - 1;  // the last item is only a target
      for (int32_t begin = 0; begin < inputs; begin += history) {
        AddPositions(user, begin, std::min(begin + history, inputs), &rows);
      }
    }
    return rows;
  }
  for (const Case& one : SplitCases()) {
    const int32_t begin = std::max(0, one.position - history);
    if (positions_ == Positions::kAll) {
      AddPositions(one.user, begin, one.position, &rows);
    } else {
      rows.push_back({one.user, begin, one.position, one.position});
    }
  }
  return rows;
}

absl::StatusOr<std::vector<float>> CaptureJob::Activations(absl::Span<const Row> rows) const {
  const auto cancelled = [this] { return !job_.Interrupted().ok(); };
  std::vector<Query> queries;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (positions_ == Positions::kAll && i > 0 && rows[i].SameRun(rows[i - 1])) continue;
    queries.push_back({rows[i].user, Items(rows[i].user, rows[i].begin, rows[i].window_end)});
  }
  RECSAE_ASSIGN_OR_RETURN(std::vector<float> all,
                          model_->ActivationsAt(site_.name, positions_, queries, cancelled));
  if (positions_ == Positions::kLast) return all;
  // Of each run the positions that are rows.
  std::vector<float> wanted;
  wanted.reserve(rows.size() * site_.dim);
  int64_t start = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i > 0 && !rows[i].SameRun(rows[i - 1])) start += rows[i - 1].window_end - rows[i - 1].begin;
    const auto row = all.begin() + (start + rows[i].end - rows[i].begin - 1) * site_.dim;
    wanted.insert(wanted.end(), row, row + site_.dim);
  }
  return wanted;
}

absl::StatusOr<std::vector<float>> CaptureJob::UserActivations(absl::Span<const Row> rows) const {
  std::vector<Query> queries;
  for (const Row& row : rows) queries.push_back({row.user, Items(row.user, row.begin, row.end)});
  return model_->Activations(queries, [this] { return !job_.Interrupted().ok(); });
}

absl::Status CaptureJob::WriteWhenHosted(absl::Span<const Row> rows, CaptureWriter& writer) {
  RetryOptions patience;
  patience.attempts = kHostAttempts;
  patience.give_up_after = kHostPatience;
  patience.cancelled = [this] { return !job_.Interrupted().ok(); };
  return Retry(patience, [&] {
    absl::Status status = Write(rows, writer);
    if (absl::IsUnavailable(status)) {
      job_.SetProgress("waiting for a host of the recommender", writer.rows(), 0, "rows");
    }
    return status;
  });
}

absl::Status CaptureJob::Write(absl::Span<const Row> rows, CaptureWriter& writer) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> activations, Activations(rows));
  std::vector<StoredCase> contexts;
  if (request_.with_cases() && site_.name == kUserSite) {
    RECSAE_ASSIGN_OR_RETURN(contexts, Contexts(rows, activations));
  } else if (request_.with_cases()) {
    RECSAE_ASSIGN_OR_RETURN(const std::vector<float> user_activations, UserActivations(rows));
    RECSAE_ASSIGN_OR_RETURN(contexts, Contexts(rows, user_activations));
  }
  return writer.Add({activations.data(), static_cast<int64_t>(rows.size()), site_.dim}, contexts);
}

absl::StatusOr<std::vector<StoredCase>> CaptureJob::Contexts(
    absl::Span<const Row> rows, absl::Span<const float> user_activations) {
  std::vector<StoredCase> contexts;
  contexts.reserve(rows.size());
  for (const Row& row : rows) contexts.push_back(Context(row));
  const int ranked =
      request_.ranked_item_count() == 0 ? kDefaultRankedItems : request_.ranked_item_count();
  const MatrixView activations{user_activations.data(), static_cast<int64_t>(rows.size()),
                               model_->dim()};
  RECSAE_RETURN_IF_ERROR(FillRankedItems(
      *head_, activations, ranked, [&] { return job_.Interrupted(); }, absl::MakeSpan(contexts)));
  return contexts;
}

StoredCase CaptureJob::Context(const Row& row) {
  const Dataset& dataset = loaded_->data;
  if (row.user != touched_user_) {
    touched_user_ = row.user;
    touched_ = dataset.sequences[row.user];
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  }
  StoredCase stored;
  stored.user_id = dataset.users[row.user];
  stored.target = dataset.sequences[row.user][row.end];
  const absl::Span<const int32_t> history = Items(row.user, row.begin, row.end);
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
  capture.message.set_row_count(writer.rows());
  capture.message.set_dim(site_.dim);
  if (site_.name != kUserSite) capture.message.set_site(site_.name);
  capture.message.set_positions(positions_ == Positions::kAll ? v1::POSITIONS_ALL
                                                              : v1::POSITIONS_LAST);
  capture.message.set_has_cases(request_.with_cases());
  capture.message.set_uid(NewId());
  capture.message.set_recommender_uid(recommender_.message.uid());
  *capture.message.mutable_create_time() = TimestampNow();

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
