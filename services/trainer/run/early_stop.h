// Ends the training of an SAE that no longer gets better, and keeps the best one seen.
#ifndef RECSAE_SERVICES_TRAINER_RUN_EARLY_STOP_H_
#define RECSAE_SERVICES_TRAINER_RUN_EARLY_STOP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/math/worker_pool.h"
#include "common/sae/model.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"
#include "services/trainer/run/checkpoint.h"
#include "services/trainer/run/dev_set.h"
#include "services/trainer/run/trainer_group.h"

namespace recsae::trainer {

// Not thread-safe.
class EarlyStopper {
 public:
  // `config` is filled in. `state` is read, kept up to date, and must outlive this.
  EarlyStopper(const v1::EarlyStop& config, std::shared_ptr<const DevSet> dev,
               EarlyStopState* state);

  // Whether an SAE that was trained for so many epochs has not been judged yet.
  bool due(int64_t epochs) const { return epochs > state_->epoch; }
  // Judges it, unless the job is interrupted. Errors as SaeModel::Create.
  absl::Status Judge(const sae::SaeWeights& weights, int64_t epochs, math::WorkerPool& pool,
                     const JobContext& job);

  // Leaves it unjudged.
  void Skip(int64_t epochs) { state_->epoch = static_cast<int32_t>(epochs); }

  // Patience has run out.
  bool ended() const { return state_->ended; }
  // Of the best epoch; there must have been one. Errors as DecodeWeights.
  absl::StatusOr<sae::SaeWeights> BestWeights() const;

  // "dev_fvu" or "dev_ndcg@10": what it was at the last epoch that was judged, and at the best.
  const char* metric() const;
  double last() const { return last_; }
  double best() const { return state_->best; }

  // Adds to the hyper-parameters how it went.
  void Describe(concept_store::v1::TrainingReport* report) const;

 private:
  bool IsBetter(double value) const;

  const v1::EarlyStop config_;
  const std::shared_ptr<const DevSet> dev_;
  EarlyStopState* const state_;
  double last_ = 0.0;
};

// Those of all variants of a job. Not thread-safe.
class EarlyStoppers {
 public:
  // Reads what the filled-in configurations look at; variants that look at the same share it.
  // `variants` is one for each, read and kept up to date, and must outlive this. `threads` >= 1.
  // Errors as DevSet::Load.
  static absl::StatusOr<std::unique_ptr<EarlyStoppers>> Load(
      ActivationSource& source, const std::vector<v1::TrainingConfig>& configs, int dim,
      std::vector<Checkpoint::Variant>& variants, int threads, JobContext& job);

  // Null for a variant that trains all its epochs.
  const EarlyStopper* of(size_t i) const { return stoppers_[i].get(); }

  // Judges those that are running and were not judged after so many epochs yet, ends those whose
  // patience has run out, and sets the job's metrics. The job may be interrupted meanwhile.
  absl::Status Judge(int64_t epochs, TrainerGroup& group, JobContext& job);

 private:
  EarlyStoppers(std::vector<Checkpoint::Variant>& variants, int threads)
      : variants_(variants), pool_(threads) {}
  void Report(JobContext& job) const;

  std::vector<Checkpoint::Variant>& variants_;
  math::WorkerPool pool_;
  std::vector<std::unique_ptr<EarlyStopper>> stoppers_;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_EARLY_STOP_H_
