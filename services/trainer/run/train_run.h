// One run of a training job, from its start or from its checkpoint.
#ifndef RECSAE_SERVICES_TRAINER_RUN_TRAIN_RUN_H_
#define RECSAE_SERVICES_TRAINER_RUN_TRAIN_RUN_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/budget/memory_budget.h"
#include "common/sae/metrics.h"
#include "common/sae/model.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/trainer/rows/activation_source.h"
#include "services/trainer/rows/row_cache.h"
#include "services/trainer/rows/row_stream.h"
#include "services/trainer/run/checkpoint.h"
#include "services/trainer/run/early_stop.h"
#include "services/trainer/run/step_report.h"
#include "services/trainer/run/train_job.h"
#include "services/trainer/run/train_request.h"
#include "services/trainer/run/trainer_group.h"

namespace recsae::trainer {

// Used by one thread, once. What it is made from must outlive it.
class TrainRun {
 public:
  TrainRun(const TrainJobEnvironment& environment, JobContext& job, const TrainRequest& request);

  // Trains, evaluates and publishes; the SAEs as published. Errors as RunTrainJob.
  absl::StatusOr<std::vector<concept_store::v1::Sae>> Run();

 private:
  absl::Status Prepare();
  absl::Status PinCaptures();
  // FAILED_PRECONDITION (CAPTURE_CHANGED) if one is not the one that the job began with.
  absl::Status CheckCaptures();
  absl::Status TakeMemory();
  absl::StatusOr<bool> HasRoomForRows();
  absl::Status LoadRows();
  absl::Status FillInConfigs();
  absl::Status CreateTrainers();
  absl::Status RestoreTrainers();
  absl::Status Train();
  absl::Status TrainUntilInterrupted(RowStream& rows);
  absl::Status Step(const ScatteredRows& batch, StepReport& report);
  absl::Status SaveCheckpoint();
  void ReportProgress();
  absl::StatusOr<std::vector<sae::SaeModel>> MakeModels() const;
  absl::StatusOr<std::vector<sae::ReconstructionMetrics>> EvaluateAll(
      const std::vector<sae::SaeModel>& models);
  concept_store::v1::Sae Describe(size_t i, const sae::SaeModel& model,
                                  const sae::ReconstructionMetrics& metrics) const;
  void AddWarnings(size_t i, concept_store::v1::TrainingReport* report) const;

  // Each row once with its weight where rows are counted, else all rows.
  ActivationSource& AllRows();
  int64_t AllRowsCount() const { return counted() ? state_.distinct_rows : state_.rows; }
  bool counted() const { return state_.distinct_rows > 0; }
  ActivationSource& EpochRows();
  RowStreamOptions StreamOptions() const;
  // Options that all variants share are read from the first one.
  const v1::TrainingConfig& shared() const { return configs_.front(); }
  std::string NameOf(size_t i) const;
  std::string RequestId(size_t i) const;
  int64_t TotalRows() const { return state_.epoch_rows * shared().epoch_count(); }
  // Rows that are read, and how many of them before training; at last all once for the evaluation.
  int64_t TotalWork() const { return cached_rows_ + TotalRows() + AllRowsCount(); }
  void ShowProgress(absl::string_view stage, int64_t done);
  bool IsTrained() const { return state_.position == TotalRows() || group_->running().empty(); }

  const TrainJobEnvironment& environment_;
  JobContext& job_;
  // Given back after all that they are for.
  Permit memory_, cache_memory_;
  std::unique_ptr<RowCache> cache_;  // null where the rows do not fit it
  int64_t cached_rows_ = 0;
  const TrainRequest& request_;
  std::vector<v1::TrainingConfig> configs_;  // filled in, one for each variant
  Checkpoint state_;
  // As the probe describes it now; rows that a job pinned when it started are those of state_.
  CaptureInfo capture_;
  std::unique_ptr<TrainerGroup> group_;
  std::unique_ptr<EarlyStoppers> stoppers_;
  std::chrono::steady_clock::time_point training_since_;
  // Ends the step under way: of several SAEs some would have taken it and others not, so that with
  // these only a job that is not to go on is ended so.
  std::atomic<bool> stop_step_ = false;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_TRAIN_RUN_H_
