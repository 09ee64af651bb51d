#include "services/trainer/train_job.h"

#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/jobs/job_runner.h"
#include "common/sae/metrics.h"
#include "common/sae/trainer.h"
#include "common/sae_messages/sae_messages.h"
#include "common/server/server.h"
#include "common/status/status.h"
#include "recsae/trainer/v1/trainer.pb.h"
#include "services/trainer/activation_source.h"
#include "services/trainer/checkpoint.h"
#include "services/trainer/publisher.h"
#include "services/trainer/row_stream.h"
#include "services/trainer/training_config.h"

namespace recsae::trainer {
namespace {

using Clock = std::chrono::steady_clock;
using concept_store::v1::Sae;

// Rows that the initial weights and the data's scale are taken from.
constexpr int64_t kSampleRows = 16'384;
// Rows evaluated at a time.
constexpr int64_t kEvaluationRows = 4'096;
// How often metrics and progress are set.
constexpr double kReportSeconds = 0.2;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Means of the steps since the last report.
class Interval {
 public:
  void Add(const sae::StepStats& stats, int64_t rows) {
    ++steps_;
    rows_ += rows;
    loss_ += stats.loss;
    fvu_ += stats.fvu;
    l0_ += stats.l0;
  }
  bool due() const { return SecondsSince(start_) >= kReportSeconds; }
  void Report(JobContext& job) {
    if (steps_ == 0) return;
    const auto steps = static_cast<double>(steps_);
    job.SetMetric("loss", loss_ / steps);
    job.SetMetric("fvu", fvu_ / steps);
    job.SetMetric("l0", l0_ / steps);
    job.SetMetric("rows_per_second", static_cast<double>(rows_) / SecondsSince(start_));
    *this = Interval();
  }

 private:
  Clock::time_point start_ = Clock::now();
  int64_t steps_ = 0;
  int64_t rows_ = 0;
  double loss_ = 0.0;
  double fvu_ = 0.0;
  double l0_ = 0.0;
};

// One run of the job, from its start or from its checkpoint.
class TrainRun {
 public:
  TrainRun(const TrainJobEnvironment& environment, JobContext& job, v1::TrainSaeRequest request)
      : environment_(environment), job_(job), request_(std::move(request)) {}

  absl::StatusOr<v1::TrainSaeResult> Run() {
    RECSAE_RETURN_IF_ERROR(Prepare());
    RECSAE_RETURN_IF_ERROR(Train());
    RECSAE_ASSIGN_OR_RETURN(const sae::ReconstructionMetrics metrics, Evaluate());
    RECSAE_RETURN_IF_ERROR(job_.Interrupted());
    v1::TrainSaeResult result;
    RECSAE_ASSIGN_OR_RETURN(
        *result.mutable_sae(),
        environment_.publisher->Publish(Describe(metrics), trainer_->weights(), job_.name(), job_));
    return result;
  }

 private:
  absl::Status Prepare();
  absl::Status PinCapture();
  absl::Status CreateTrainer();
  absl::Status Train();
  absl::Status TrainUntilInterrupted(RowStream& rows);
  absl::StatusOr<sae::ReconstructionMetrics> Evaluate();
  Sae Describe(const sae::ReconstructionMetrics& metrics) const;
  absl::Status SaveCheckpoint();
  void ReportProgress();

  RowStreamOptions StreamOptions() const {
    RowStreamOptions options;
    options.capture = request_.capture();
    options.dim = pinned_.dim;
    options.rows = pinned_.rows;
    options.seed = config_.seed();
    return options;
  }
  int64_t TotalRows() const { return pinned_.rows * config_.epochs(); }
  bool IsInterrupted() const { return job_.cancelled() || job_.stopping(); }

  const TrainJobEnvironment& environment_;
  JobContext& job_;
  const v1::TrainSaeRequest request_;
  v1::TrainingConfig config_;  // filled in
  Checkpoint pinned_;          // of its fields trainer_state is used at the start only
  std::unique_ptr<sae::Trainer> trainer_;
  Clock::time_point training_since_ = Clock::now();
};

absl::Status TrainRun::Prepare() {
  const absl::StatusOr<std::string> saved = job_.LoadCheckpoint();
  if (saved.ok()) {
    RECSAE_ASSIGN_OR_RETURN(pinned_, DecodeCheckpoint(*saved));
  } else if (absl::IsNotFound(saved.status())) {
    RECSAE_RETURN_IF_ERROR(PinCapture());
  } else {
    return saved.status();
  }
  BadRequest bad;
  config_ = FillIn(request_.config(), pinned_.dim, "config", bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  if (pinned_.trainer_state.empty()) return CreateTrainer();
  RECSAE_ASSIGN_OR_RETURN(trainer_,
                          sae::Trainer::Restore(pinned_.trainer_state, config_.threads()));
  pinned_.trainer_state.clear();
  return absl::OkStatus();
}

// Rows that are recorded from now on do not take part, or a stopped run could not be repeated.
absl::Status TrainRun::PinCapture() {
  job_.SetProgress("looking up the capture", 0, 0, "rows");
  RECSAE_ASSIGN_OR_RETURN(const CaptureInfo capture,
                          environment_.source->Describe(request_.capture(), job_));
  if (capture.rows == 0) return CaptureEmpty(request_.capture());
  pinned_.rows = capture.rows;
  pinned_.dim = capture.dim;
  std::random_device random;
  pinned_.nonce = (uint64_t{random()} << 32) | random();
  return job_.SaveCheckpoint(Encode(pinned_));
}

absl::Status TrainRun::CreateTrainer() {
  job_.SetProgress("sampling the capture", 0, TotalRows() + pinned_.rows, "rows");
  std::vector<float> sample;
  {
    RowStream rows(*environment_.source, StreamOptions());
    const auto on_cancel = job_.OnCancel([&rows] { rows.Cancel(); });
    RECSAE_RETURN_IF_ERROR(rows.Fill(std::min(kSampleRows, pinned_.rows), sample).status());
  }
  absl::StatusOr<std::unique_ptr<sae::Trainer>> trainer =
      sae::Trainer::Create(ToEngine(config_), pinned_.dim, TotalRows(), sample.data(),
                           static_cast<int64_t>(sample.size()) / pinned_.dim, config_.threads());
  if (absl::IsFailedPrecondition(trainer.status())) {
    return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_CONSTANT",
                 absl::StrCat(request_.capture(), ": ", trainer.status().message()),
                 {{"capture", request_.capture()}});
  }
  if (!trainer.ok()) return trainer.status();
  trainer_ = *std::move(trainer);
  return absl::OkStatus();
}

absl::Status TrainRun::Train() {
  RowStreamOptions options = StreamOptions();
  options.epochs = config_.epochs();
  options.position = trainer_->rows_seen();
  training_since_ = Clock::now();
  RowStream rows(*environment_.source, options);
  const auto on_cancel = job_.OnCancel([&rows] { rows.Cancel(); });
  const absl::Status status = TrainUntilInterrupted(rows);
  if (status.ok() || job_.stopping()) RECSAE_RETURN_IF_ERROR(SaveCheckpoint());
  return status;
}

absl::Status TrainRun::TrainUntilInterrupted(RowStream& rows) {
  std::vector<float> batch;
  Interval interval;
  Clock::time_point checkpoint = Clock::now();
  ReportProgress();
  while (trainer_->rows_seen() < TotalRows()) {
    const absl::StatusOr<int64_t> count = rows.Fill(config_.batch_rows(), batch);
    if (IsInterrupted()) return job_.Interrupted();
    RECSAE_RETURN_IF_ERROR(count.status());
    const absl::StatusOr<sae::StepStats> stats = trainer_->Step(batch.data(), *count);
    if (!stats.ok()) {
      return Error(absl::StatusCode::kInternal, "TRAINING_DIVERGED",
                   absl::StrCat(stats.status().message(),
                                "; lower config.learning_rate or set config.gradient_clip"));
    }
    environment_.count_rows(*count);
    interval.Add(*stats, *count);
    if (interval.due()) {
      interval.Report(job_);
      ReportProgress();
    }
    if (SecondsSince(checkpoint) >= config_.checkpoint_seconds()) {
      RECSAE_RETURN_IF_ERROR(SaveCheckpoint());
      checkpoint = Clock::now();
    }
  }
  interval.Report(job_);
  ReportProgress();
  return absl::OkStatus();
}

void TrainRun::ReportProgress() {
  const int64_t done = trainer_->rows_seen();
  const int64_t epoch = std::min<int64_t>(done / pinned_.rows + 1, config_.epochs());
  job_.SetProgress(absl::StrCat("epoch ", epoch, " of ", config_.epochs()), done,
                   TotalRows() + pinned_.rows, "rows");
  job_.SetMetric("epoch", static_cast<double>(epoch));
  job_.SetMetric("dead_fraction", static_cast<double>(trainer_->dead_latents()) /
                                      static_cast<double>(trainer_->weights().latents));
}

absl::Status TrainRun::SaveCheckpoint() {
  pinned_.seconds += SecondsSince(training_since_);
  training_since_ = Clock::now();
  Checkpoint checkpoint = pinned_;
  checkpoint.trainer_state = trainer_->SaveState();
  return job_.SaveCheckpoint(Encode(checkpoint));
}

absl::StatusOr<sae::ReconstructionMetrics> TrainRun::Evaluate() {
  RECSAE_ASSIGN_OR_RETURN(const sae::SaeModel model, sae::SaeModel::Create(trainer_->weights()));
  RowStreamOptions options = StreamOptions();
  options.shuffled = false;
  RowStream rows(*environment_.source, options);
  const auto on_cancel = job_.OnCancel([&rows] { rows.Cancel(); });
  sae::MetricsAccumulator accumulator(model.dim(), model.latents());
  std::vector<float> batch;
  int64_t done = 0;
  while (done < pinned_.rows) {
    const absl::StatusOr<int64_t> count = rows.Fill(kEvaluationRows, batch);
    if (IsInterrupted()) return job_.Interrupted();
    RECSAE_RETURN_IF_ERROR(count.status());
    accumulator.Add(model, batch.data(), *count);
    done += *count;
    job_.SetProgress("evaluating", TotalRows() + done, TotalRows() + pinned_.rows, "rows");
  }
  const sae::ReconstructionMetrics metrics = accumulator.Result();
  job_.SetMetric("fvu", metrics.fvu);
  job_.SetMetric("l0", metrics.l0);
  job_.SetMetric("dead_fraction", metrics.dead_fraction);
  job_.SetMetric("explained_variance", metrics.explained_variance);
  return metrics;
}

Sae TrainRun::Describe(const sae::ReconstructionMetrics& metrics) const {
  const sae::SaeWeights& weights = trainer_->weights();
  Sae sae;
  sae.set_name(absl::StrCat("saes/", request_.sae_id()));
  DescribeWeights(weights, &sae);
  sae.set_capture(request_.capture());
  auto& report = *sae.mutable_report();
  report.set_rows(pinned_.rows);
  report.set_epochs(config_.epochs());
  report.set_steps(trainer_->steps());
  report.set_seconds(pinned_.seconds);
  report.set_fvu(metrics.fvu);
  report.set_l0(metrics.l0);
  report.set_dead_fraction(metrics.dead_fraction);
  for (const auto& [name, value] : AsText(config_)) {
    (*report.mutable_hyper_parameters())[name] = value;
  }
  report.set_version(std::string(Version()));
  return sae;
}

}  // namespace

absl::StatusOr<google::protobuf::Any> RunTrainJob(const TrainJobEnvironment& environment,
                                                  JobContext& job) {
  v1::TrainSaeRequest request;
  if (!job.spec().UnpackTo(&request)) {
    return Error(absl::StatusCode::kInternal, "JOB_SPEC_UNKNOWN",
                 absl::StrCat(job.name(), " was not started by TrainSae"));
  }
  absl::StatusOr<v1::TrainSaeResult> result = TrainRun(environment, job, std::move(request)).Run();
  // Whatever an interruption made fail, the interruption is what happened.
  if (!result.ok() && (job.cancelled() || job.stopping())) return job.Interrupted();
  RECSAE_RETURN_IF_ERROR(result.status());
  google::protobuf::Any any;
  any.PackFrom(*result);
  return any;
}

absl::Status CaptureEmpty(absl::string_view capture) {
  return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_EMPTY",
               absl::StrCat(capture, " has no rows; record activations into it first"),
               {{"capture", std::string(capture)}});
}

}  // namespace recsae::trainer
