// What a training job tells while it runs: means of the steps since the last report.
#ifndef RECSAE_SERVICES_TRAINER_RUN_STEP_REPORT_H_
#define RECSAE_SERVICES_TRAINER_RUN_STEP_REPORT_H_

#include <chrono>
#include <cstdint>

#include "common/jobs/job_runner.h"
#include "common/sae/trainer.h"

namespace recsae::trainer {

class StepReport {
 public:
  // Rows that the next steps are taken on.
  void AddRows(int64_t rows) { rows_ += rows; }
  // What a step of one of the SAEs said.
  void AddStep(const sae::StepStats& stats) {
    ++steps_;
    loss_ += stats.loss;
    fvu_ += stats.fvu;
    l0_ += stats.l0;
  }

  // Often enough for somebody who watches.
  bool due() const { return Seconds() >= 0.2; }

  // Sets the job's metrics and begins anew.
  void Send(JobContext& job) {
    if (steps_ == 0) return;
    const auto steps = static_cast<double>(steps_);
    job.SetMetric("loss", loss_ / steps);
    job.SetMetric("fvu", fvu_ / steps);
    job.SetMetric("l0", l0_ / steps);
    job.SetMetric("rows_per_second", static_cast<double>(rows_) / Seconds());
    *this = StepReport();
  }

 private:
  using Clock = std::chrono::steady_clock;
  double Seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  Clock::time_point start_ = Clock::now();
  int64_t steps_ = 0;
  int64_t rows_ = 0;
  double loss_ = 0.0;
  double fvu_ = 0.0;
  double l0_ = 0.0;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_STEP_REPORT_H_
