#include "services/trainer/run/train_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/version.h"
#include "common/jobs/job_runner.h"
#include "common/messages/sae_messages.h"
#include "common/sae/trainer.h"
#include "services/trainer/rows/activation_source.h"
#include "services/trainer/rows/row_cache.h"
#include "services/trainer/run/checkpoint_pace.h"
#include "services/trainer/run/dev_set.h"
#include "services/trainer/run/estimate.h"
#include "services/trainer/run/evaluation.h"
#include "services/trainer/run/publisher.h"
#include "services/trainer/run/training_config.h"

namespace recsae::trainer {
namespace {

using Clock = std::chrono::steady_clock;
using concept_store::v1::Sae;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// FAILED_PRECONDITION where training made nothing that could be used.
absl::Status CheckAlive(const std::vector<sae::ReconstructionMetrics>& metrics) {
  const bool dead = std::all_of(metrics.begin(), metrics.end(),
                                [](const auto& of_one) { return of_one.dead_fraction >= 1; });
  if (!dead) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "SAE_DEAD",
               absl::StrCat("nothing is published: ",
                            QualityWarning(metrics[0].fvu, metrics[0].dead_fraction)));
}

}  // namespace

TrainRun::TrainRun(const TrainJobEnvironment& environment, JobContext& job,
                   const TrainRequest& request)
    : environment_(environment), job_(job), request_(request) {}

absl::StatusOr<std::vector<Sae>> TrainRun::Run() {
  RECSAE_RETURN_IF_ERROR(Prepare());
  RECSAE_RETURN_IF_ERROR(Train());
  RECSAE_ASSIGN_OR_RETURN(const std::vector<sae::SaeModel> models, MakeModels());
  RECSAE_ASSIGN_OR_RETURN(const std::vector<sae::ReconstructionMetrics> metrics,
                          EvaluateAll(models));
  RECSAE_RETURN_IF_ERROR(CheckAlive(metrics));
  std::vector<Sae> saes;
  for (size_t i = 0; i < models.size(); ++i) {
    RECSAE_RETURN_IF_ERROR(job_.Interrupted());
    RECSAE_ASSIGN_OR_RETURN(saes.emplace_back(), environment_.publisher->Publish(
                                                     Describe(i, models[i], metrics[i]),
                                                     models[i].weights(), RequestId(i), job_));
  }
  return saes;
}

absl::Status TrainRun::Prepare() {
  const absl::StatusOr<std::string> saved = job_.LoadCheckpoint();
  if (saved.ok()) {
    RECSAE_ASSIGN_OR_RETURN(state_, DecodeCheckpoint(*saved));
    RECSAE_RETURN_IF_ERROR(CheckCaptures());
  } else if (absl::IsNotFound(saved.status())) {
    RECSAE_RETURN_IF_ERROR(PinCaptures());
  } else {
    return saved.status();
  }
  RECSAE_RETURN_IF_ERROR(TakeMemory());
  RECSAE_RETURN_IF_ERROR(LoadRows());
  RECSAE_RETURN_IF_ERROR(FillInConfigs());
  RECSAE_ASSIGN_OR_RETURN(
      stoppers_, EarlyStoppers::Load(*environment_.source, configs_, state_.dim, state_.variants,
                                     shared().thread_count(), job_));
  const auto ended = std::count_if(state_.variants.begin(), state_.variants.end(),
                                   [](const auto& variant) { return variant.early_stop.ended; });
  group_ = std::make_unique<TrainerGroup>(configs_.size() - static_cast<size_t>(ended),
                                          shared().thread_count());
  return state_.position == 0 ? CreateTrainers() : RestoreTrainers();
}

// Rows that are recorded from now on do not take part, or a stopped run could not be repeated.
absl::Status TrainRun::PinCaptures() {
  job_.SetProgress("looking up the capture", 0, 0, "rows");
  BadRequest bad;
  CheckNames(request_, bad);
  const std::vector<v1::TrainingConfig> configs = FillInAll(request_, {}, bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  RECSAE_ASSIGN_OR_RETURN(capture_, environment_.source->Describe(request_.capture, job_));
  if (capture_.rows == 0) return CaptureEmpty(request_.capture);
  state_.rows = state_.epoch_rows = capture_.rows;
  state_.dim = capture_.dim;
  state_.capture_uids[request_.capture] = capture_.uid;
  state_.variants.resize(configs.size());
  for (size_t i = 0; i < configs.size(); ++i) {
    if (!configs[i].has_early_stop()) continue;
    const v1::EarlyStop& early_stop = configs[i].early_stop();
    RECSAE_ASSIGN_OR_RETURN(const CaptureInfo dev,
                            environment_.source->Describe(early_stop.capture(), job_));
    RECSAE_RETURN_IF_ERROR(CheckDevCapture(early_stop, dev, capture_));
    state_.capture_uids[early_stop.capture()] = dev.uid;
    state_.variants[i].early_stop.rows = std::min(dev.rows, early_stop.max_rows());
  }
  return job_.SaveCheckpoint(Encode(state_));
}

absl::Status TrainRun::CheckCaptures() {
  RECSAE_ASSIGN_OR_RETURN(capture_, environment_.source->Describe(request_.capture, job_));
  for (const auto& [name, uid] : state_.capture_uids) {
    CaptureInfo now = capture_;
    if (name != request_.capture) {
      RECSAE_ASSIGN_OR_RETURN(now, environment_.source->Describe(name, job_));
    }
    if (now.uid.empty() || uid.empty() || now.uid == uid) continue;
    return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_CHANGED",
                 absl::StrCat(name,
                              " was recorded anew since this training began on what it held "
                              "then; start the training again"),
                 {{"capture", name}});
  }
  return absl::OkStatus();
}

void TrainRun::ShowProgress(absl::string_view stage, int64_t done) {
  job_.SetProgress(stage, done, TotalWork(), "rows");
}

// For as many latents as there may be: how many there will be follows from rows that are to be
// read.
absl::Status TrainRun::TakeMemory() {
  BadRequest bad;
  configs_ = FillInAll(request_, {state_.dim, kAnyRows}, bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  RECSAE_ASSIGN_OR_RETURN(
      memory_, environment_.memory->Take(TrainingJobBytes(configs_, state_.dim, state_.rows),
                                         absl::StrCat("training ", NameOf(0)), kLowerTraining));
  return absl::OkStatus();
}

// Leave for them is taken. A job that began on counted rows goes on with these or not at all:
// others would lead to another SAE.
absl::StatusOr<bool> TrainRun::HasRoomForRows() {
  const bool began = state_.position > 0;
  const bool fits = RowBytes(state_.rows, state_.dim) <= environment_.cache_bytes;
  if (began ? !counted() : !fits) return false;
  absl::StatusOr<Permit> permit = environment_.memory->Take(
      RowCache::MostBytes(state_.rows, state_.dim), absl::StrCat("the rows of ", request_.capture),
      "what runs beside it");
  if (permit.ok()) {
    cache_memory_ = *std::move(permit);
    return true;
  }
  if (began) return permit.status();
  return false;
}

absl::Status TrainRun::LoadRows() {
  if (state_.position == 0) {
    state_.distinct_rows = 0;
    state_.epoch_rows = state_.rows;
  }
  RECSAE_ASSIGN_OR_RETURN(const bool room, HasRoomForRows());
  if (!room) return absl::OkStatus();  // they are read again for every epoch
  cached_rows_ = state_.rows;
  RECSAE_ASSIGN_OR_RETURN(
      cache_, RowCache::Load(*environment_.source, request_.capture, state_.dim, state_.rows, job_,
                             [this](int64_t done) { ShowProgress("reading the capture", done); }));
  RECSAE_RETURN_IF_ERROR(cache_memory_.Resize(cache_->bytes()));
  if (state_.position > 0 && state_.epoch_rows != cache_->epoch_rows()) {
    return Error(absl::StatusCode::kDataLoss, "CHECKPOINT_DAMAGED",
                 absl::StrCat("an epoch over ", request_.capture, " is of ", cache_->epoch_rows(),
                              " rows, by the job's checkpoint of ", state_.epoch_rows,
                              "; start the training again"));
  }
  state_.distinct_rows = cache_->distinct_rows();
  state_.epoch_rows = cache_->epoch_rows();
  return absl::OkStatus();
}

absl::Status TrainRun::FillInConfigs() {
  BadRequest bad;
  configs_ = FillInAll(request_, {state_.dim, AllRowsCount()}, bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  return memory_.Resize(TrainingJobBytes(configs_, state_.dim, state_.rows));
}

ActivationSource& TrainRun::AllRows() {
  return cache_ != nullptr ? cache_->distinct() : *environment_.source;
}

ActivationSource& TrainRun::EpochRows() {
  return cache_ != nullptr ? cache_->epochs() : *environment_.source;
}

RowStreamOptions TrainRun::StreamOptions() const {
  RowStreamOptions options;
  options.capture = request_.capture;
  options.dim = state_.dim;
  options.rows = state_.epoch_rows;
  options.seed = shared().seed();
  options.batch_rows = shared().batch_rows();
  return options;
}

// The same after a restart, and no other job's.
std::string TrainRun::RequestId(size_t i) const {
  if (state_.nonce == 0) return absl::StrCat(job_.name(), "-", i);
  return absl::StrCat(job_.name(), "-", absl::Hex(state_.nonce, absl::kZeroPad16), "-", i);
}

std::string TrainRun::NameOf(size_t i) const {
  return absl::StrCat("saes/", request_.variants[i].sae_id);
}

absl::Status TrainRun::CreateTrainers() {
  ShowProgress("sampling the capture", cached_rows_);
  RowStreamOptions options = StreamOptions();
  options.rows = AllRowsCount();
  RowStream rows(AllRows(), options);
  const auto on_cancel = job_.OnCancel([&rows] { rows.Cancel(); });
  RECSAE_ASSIGN_OR_RETURN(const WeightedRows sample,
                          rows.Next(std::min(kSampleRows, options.rows)));
  for (const v1::TrainingConfig& config : configs_) {
    absl::StatusOr<std::unique_ptr<sae::Trainer>> trainer =
        sae::Trainer::Create(ToEngine(config), state_.dim, TotalRows(), sample.data, sample.rows,
                             group_->threads_each(), sample.weights);
    if (absl::IsFailedPrecondition(trainer.status())) {
      return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_CONSTANT",
                   absl::StrCat(request_.capture, ": ", trainer.status().message()),
                   {{"capture", request_.capture}});
    }
    RECSAE_RETURN_IF_ERROR(trainer.status());
    group_->Add(*std::move(trainer), 0.0);
  }
  return absl::OkStatus();
}

absl::Status TrainRun::RestoreTrainers() {
  for (Checkpoint::Variant& variant : state_.variants) {
    std::unique_ptr<sae::Trainer> trainer;
    if (!variant.early_stop.ended) {
      RECSAE_ASSIGN_OR_RETURN(
          trainer,
          sae::Trainer::Restore(std::exchange(variant.trainer_state, ""), group_->threads_each()));
    }
    group_->Add(std::move(trainer), variant.step_seconds);
  }
  return absl::OkStatus();
}

absl::Status TrainRun::Train() {
  // A job that was stopped while it published must not change its report any more.
  if (state_.trained) return absl::OkStatus();
  RowStreamOptions options = StreamOptions();
  options.epochs = shared().epoch_count();
  options.position = state_.position;
  training_since_ = Clock::now();
  RowStream rows(EpochRows(), options);
  const auto on_cancel = job_.OnCancel([this, &rows] {
    stop_step_ = configs_.size() == 1 || job_.cancelled();
    rows.Cancel();
  });
  const absl::Status status = TrainUntilInterrupted(rows);
  state_.trained = status.ok();
  if (status.ok() || job_.stopping()) RECSAE_RETURN_IF_ERROR(SaveCheckpoint());
  return status;
}

absl::Status TrainRun::TrainUntilInterrupted(RowStream& rows) {
  StepReport report;
  CheckpointPace pace(shared().checkpoint_seconds());
  Clock::time_point checkpoint = Clock::now();
  ReportProgress();
  while (true) {
    // What was not judged before a stop is judged first after it.
    RECSAE_RETURN_IF_ERROR(stoppers_->Judge(state_.position / state_.epoch_rows, *group_, job_));
    if (IsTrained()) break;
    const absl::StatusOr<ScatteredRows> batch = rows.NextScattered(shared().batch_rows());
    RECSAE_RETURN_IF_ERROR(job_.Interrupted());
    RECSAE_RETURN_IF_ERROR(batch.status());
    RECSAE_RETURN_IF_ERROR(Step(*batch, report));
    if (report.due()) {
      report.Send(job_);
      ReportProgress();
    }
    if (pace.Due(SecondsSince(checkpoint))) {
      const Clock::time_point start = Clock::now();
      RECSAE_RETURN_IF_ERROR(SaveCheckpoint());
      pace.Took(SecondsSince(start));
      checkpoint = Clock::now();
    }
  }
  report.Send(job_);
  ReportProgress();
  return absl::OkStatus();
}

absl::Status TrainRun::Step(const ScatteredRows& batch, StepReport& report) {
  const std::vector<absl::StatusOr<sae::StepStats>> stats =
      group_->Step({batch.values, batch.at}, batch.weights, batch.rows, &stop_step_);
  report.AddRows(batch.rows);
  for (size_t r = 0; r < stats.size(); ++r) {
    if (absl::IsCancelled(stats[r].status())) return job_.Interrupted();
    if (!stats[r].ok()) {
      const std::string name = NameOf(group_->running()[r]);
      return Error(absl::StatusCode::kInternal, "TRAINING_DIVERGED",
                   absl::StrCat(name, ": ", stats[r].status().message(),
                                "; lower config.learning_rate or set config.gradient_clip"),
                   {{"sae", name}});
    }
    report.AddStep(*stats[r]);
    environment_.count_rows(batch.rows);
  }
  state_.position += batch.rows;
  return absl::OkStatus();
}

void TrainRun::ReportProgress() {
  const int64_t epoch =
      std::min<int64_t>(state_.position / state_.epoch_rows + 1, shared().epoch_count());
  ShowProgress(absl::StrCat("epoch ", epoch, " of ", shared().epoch_count()),
               cached_rows_ + state_.position);
  job_.SetMetric("epoch", static_cast<double>(epoch));
  if (group_->running().empty()) return;
  double dead = 0.0;
  for (const size_t i : group_->running()) {
    const sae::Trainer& trainer = group_->trainer(i);
    dead += static_cast<double>(trainer.dead_latents()) / trainer.weights().latents;
  }
  job_.SetMetric("dead_fraction", dead / static_cast<double>(group_->running().size()));
}

absl::Status TrainRun::SaveCheckpoint() {
  state_.seconds += SecondsSince(training_since_);
  training_since_ = Clock::now();
  for (size_t i = 0; i < group_->size(); ++i) {
    state_.variants[i].step_seconds = group_->step_seconds(i);
  }
  std::vector<const sae::Trainer*> trainers(group_->size());
  for (const size_t i : group_->running()) trainers[i] = &group_->trainer(i);
  return job_.SaveCheckpoint(Encode(state_, trainers));
}

// The best of each variant where that was looked for, else the last.
absl::StatusOr<std::vector<sae::SaeModel>> TrainRun::MakeModels() const {
  std::vector<sae::SaeModel> models;
  for (size_t i = 0; i < configs_.size(); ++i) {
    sae::SaeWeights weights;
    if (stoppers_->of(i) == nullptr) {
      weights = group_->trainer(i).weights();
    } else {
      RECSAE_ASSIGN_OR_RETURN(weights, stoppers_->of(i)->BestWeights());
    }
    RECSAE_ASSIGN_OR_RETURN(sae::SaeModel model, sae::SaeModel::Create(std::move(weights)));
    models.push_back(std::move(model));
  }
  return models;
}

absl::StatusOr<std::vector<sae::ReconstructionMetrics>> TrainRun::EvaluateAll(
    const std::vector<sae::SaeModel>& models) {
  RowStreamOptions options = StreamOptions();
  options.rows = AllRowsCount();
  RECSAE_ASSIGN_OR_RETURN(
      std::vector<sae::ReconstructionMetrics> metrics,
      Evaluate(AllRows(), options, models, shared().thread_count(), job_, [this](int64_t done) {
        ShowProgress("evaluating", cached_rows_ + TotalRows() + done);
      }));
  const auto set_mean = [&](const char* name, double sae::ReconstructionMetrics::*metric) {
    double sum = 0.0;
    for (const sae::ReconstructionMetrics& of_one : metrics) sum += of_one.*metric;
    job_.SetMetric(name, sum / static_cast<double>(metrics.size()));
  };
  set_mean("fvu", &sae::ReconstructionMetrics::fvu);
  set_mean("l0", &sae::ReconstructionMetrics::l0);
  set_mean("dead_fraction", &sae::ReconstructionMetrics::dead_fraction);
  set_mean("explained_variance", &sae::ReconstructionMetrics::explained_variance);
  return metrics;
}

Sae TrainRun::Describe(size_t i, const sae::SaeModel& model,
                       const sae::ReconstructionMetrics& metrics) const {
  const v1::TrainingConfig& config = configs_[i];
  const Checkpoint::Variant& variant = state_.variants[i];
  const bool ended = variant.early_stop.ended;
  Sae sae;
  sae.set_name(NameOf(i));
  DescribeWeights(model.weights(), &sae);
  sae.set_capture(request_.capture);
  sae.set_probe_site(capture_.site);
  sae.set_recommender_uid(capture_.recommender_uid);
  sae.set_capture_uid(capture_.uid);
  auto& report = *sae.mutable_report();
  report.set_row_count(state_.rows);
  report.set_epoch_count(ended ? variant.early_stop.epoch : config.epoch_count());
  report.set_step_count(ended ? variant.steps : group_->trainer(i).steps());
  // Of the time that all took, what its steps were of all steps.
  double all_steps = 0.0;
  for (size_t j = 0; j < group_->size(); ++j) all_steps += group_->step_seconds(j);
  report.set_seconds(state_.seconds * group_->step_seconds(i) / all_steps);
  report.set_fvu(metrics.fvu);
  report.set_l0(metrics.l0);
  report.set_dead_fraction(metrics.dead_fraction);
  for (const auto& [name, value] : AsText(config)) {
    (*report.mutable_hyper_parameters())[name] = value;
  }
  if (shared().seed() != config.seed()) {
    (*report.mutable_hyper_parameters())["row_order_seed"] = absl::StrCat(shared().seed());
  }
  if (stoppers_->of(i) != nullptr) stoppers_->of(i)->Describe(&report);
  report.set_version(std::string(Version()));
  report.set_distinct_row_count(state_.distinct_rows);
  AddWarnings(i, &report);
  return sae;
}

void TrainRun::AddWarnings(size_t i, concept_store::v1::TrainingReport* report) const {
  if (!counted()) {
    report->add_warnings(absl::StrCat(
        "the ", state_.rows, " rows of ", request_.capture, " (", RowBytes(state_.rows, state_.dim),
        " bytes) did not fit the trainer's row cache of ", environment_.cache_bytes,
        " bytes, so that repeated activations were neither counted nor trained on as one; raise "
        "--row-cache-mib or the memory limit"));
  }
  const std::string latents = LatentsWarning(configs_[i], AllRowsCount());
  if (!latents.empty()) report->add_warnings(latents);
  const std::string quality = QualityWarning(report->fvu(), report->dead_fraction());
  if (!quality.empty()) report->add_warnings(quality);
}

}  // namespace recsae::trainer
