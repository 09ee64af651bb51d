// Several SAEs that are trained on the same rows at the same time.
#ifndef RECSAE_SERVICES_TRAINER_RUN_TRAINER_GROUP_H_
#define RECSAE_SERVICES_TRAINER_RUN_TRAINER_GROUP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/math/worker_pool.h"
#include "common/sae/trainer.h"

namespace recsae::trainer {

// With at least as many SAEs as threads each SAE is stepped by one thread, so that nobody waits
// within a step; else one after the other, each by all threads. Weights do not depend on it. Not
// thread-safe.
class TrainerGroup {
 public:
  // For `count` SAEs that are running and `threads` >= 1.
  TrainerGroup(size_t count, int threads);

  // How many threads the trainers must be made with.
  int threads_each() const { return threads_each_; }
  // `trainer` may be null for an SAE whose training has ended. `step_seconds`: spent so far.
  void Add(std::unique_ptr<sae::Trainer> trainer, double step_seconds);

  size_t size() const { return members_.size(); }
  // The SAEs whose training goes on, by rising number, and the trainer of one of them.
  const std::vector<size_t>& running() const { return running_; }
  const sae::Trainer& trainer(size_t i) const { return *members_[i].trainer; }
  // Spent in its steps.
  double step_seconds(size_t i) const { return members_[i].step_seconds; }

  // One step of each that is running on n rows with weights [n] or null; what each said of it, as
  // in running(). `stop` as sae::Trainer::Step; may be null.
  std::vector<absl::StatusOr<sae::StepStats>> Step(const sae::BatchRows& rows, const float* weights,
                                                   int64_t n, const std::atomic<bool>* stop);

  // Ends the training of one that is running; its trainer is no more.
  void End(size_t i);

 private:
  struct Member {
    std::unique_ptr<sae::Trainer> trainer;
    double step_seconds = 0.0;
  };

  const int threads_each_;
  math::WorkerPool pool_;
  std::vector<Member> members_;
  std::vector<size_t> running_;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_TRAINER_GROUP_H_
