#include "services/trainer/run/early_stop.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "services/trainer/run/weights_codec.h"

namespace recsae::trainer {

EarlyStopper::EarlyStopper(const v1::EarlyStop& config, std::shared_ptr<const DevSet> dev,
                           EarlyStopState* state)
    : config_(config), dev_(std::move(dev)), state_(state), last_(state->best) {}

bool EarlyStopper::IsBetter(double value) const {
  if (state_->best_epoch == 0) return true;
  return config_.metric() == v1::EarlyStop::METRIC_NDCG ? value > state_->best
                                                        : value < state_->best;
}

absl::Status EarlyStopper::Judge(const sae::SaeWeights& weights, int64_t epochs,
                                 math::WorkerPool& pool, const JobContext& job) {
  RECSAE_ASSIGN_OR_RETURN(const sae::SaeModel model, sae::SaeModel::Create(weights));
  RECSAE_ASSIGN_OR_RETURN(last_, dev_->Measure(model, pool, [&job] { return job.Interrupted(); }));
  state_->epoch = static_cast<int32_t>(epochs);
  if (IsBetter(last_)) {
    state_->best = last_;
    state_->best_epoch = state_->epoch;
    state_->best_weights = EncodeWeights(weights);
    state_->stale = 0;
  } else {
    ++state_->stale;
    state_->ended = state_->stale >= config_.patience();
  }
  return absl::OkStatus();
}

absl::StatusOr<sae::SaeWeights> EarlyStopper::BestWeights() const {
  return DecodeWeights(state_->best_weights);
}

const char* EarlyStopper::metric() const {
  return config_.metric() == v1::EarlyStop::METRIC_NDCG ? "dev_ndcg@10" : "dev_fvu";
}

void EarlyStopper::Describe(concept_store::v1::TrainingReport* report) const {
  auto& text = *report->mutable_hyper_parameters();
  text["early_stop_rows"] = absl::StrCat(state_->rows);
  text["best_epoch"] = absl::StrCat(state_->best_epoch);
  text[absl::StrCat("best_", metric())] = absl::StrCat(state_->best);
  if (ended()) text["stopped_after_epochs"] = absl::StrCat(state_->epoch);
}

absl::StatusOr<std::unique_ptr<EarlyStoppers>> EarlyStoppers::Load(
    ActivationSource& source, const std::vector<v1::TrainingConfig>& configs, int dim,
    std::vector<Checkpoint::Variant>& variants, int threads, JobContext& job) {
  std::unique_ptr<EarlyStoppers> all(new EarlyStoppers(variants, threads));
  std::map<std::string, std::shared_ptr<const DevSet>> loaded;
  for (size_t i = 0; i < configs.size(); ++i) {
    all->stoppers_.emplace_back();
    if (!configs[i].has_early_stop()) continue;
    const v1::EarlyStop& early_stop = configs[i].early_stop();
    EarlyStopState& state = variants[i].early_stop;
    auto& dev = loaded[absl::StrCat(early_stop.capture(), " ", state.rows, " ",
                                    static_cast<int>(early_stop.metric()))];
    if (dev == nullptr) {
      job.SetProgress(absl::StrCat("reading ", early_stop.capture()), 0, 0, "rows");
      RECSAE_ASSIGN_OR_RETURN(dev, DevSet::Load(source, early_stop, state.rows, dim, job));
    }
    all->stoppers_.back() = std::make_unique<EarlyStopper>(early_stop, dev, &state);
  }
  return all;
}

absl::Status EarlyStoppers::Judge(int64_t epochs, TrainerGroup& group, JobContext& job) {
  bool judged = false;
  for (const size_t i : std::vector<size_t>(group.running())) {
    EarlyStopper* const stopper = stoppers_[i].get();
    if (stopper == nullptr || !stopper->due(epochs)) continue;
    // With more active latents it would be better than what it is to become.
    if (group.trainer(i).annealing()) {
      stopper->Skip(epochs);
      continue;
    }
    RECSAE_RETURN_IF_ERROR(job.Interrupted());
    RECSAE_RETURN_IF_ERROR(stopper->Judge(group.trainer(i).weights(), epochs, pool_, job));
    judged = true;
    if (!stopper->ended()) continue;
    variants_[i].steps = group.trainer(i).steps();
    group.End(i);
  }
  if (judged) Report(job);
  return absl::OkStatus();
}

// Means over the variants that look at the same metric.
void EarlyStoppers::Report(JobContext& job) const {
  struct Sums {
    double last = 0.0;
    double best = 0.0;
    int count = 0;
  };
  std::map<std::string, Sums> sums;
  for (const auto& stopper : stoppers_) {
    if (stopper == nullptr) continue;
    Sums& of_metric = sums[stopper->metric()];
    of_metric.last += stopper->last();
    of_metric.best += stopper->best();
    ++of_metric.count;
  }
  for (const auto& [metric, of_metric] : sums) {
    job.SetMetric(metric, of_metric.last / of_metric.count);
    job.SetMetric("best_" + metric, of_metric.best / of_metric.count);
  }
}

}  // namespace recsae::trainer
