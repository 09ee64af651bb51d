// Several SAEs that are trained on the same rows at the same time.
#ifndef RECSAE_SERVICES_TRAINER_TRAINER_GROUP_H_
#define RECSAE_SERVICES_TRAINER_TRAINER_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/sae/trainer.h"
#include "common/sae/worker_pool.h"

namespace recsae::trainer {

// With at least as many SAEs as threads each SAE is stepped by one thread, so that nobody waits
// within a step; else one after the other, each by all threads. Weights do not depend on it. Not
// thread-safe.
class TrainerGroup {
 public:
  // For `count` >= 1 SAEs and `threads` >= 1.
  TrainerGroup(size_t count, int threads);

  // How many threads the trainers must be made with.
  int threads_each() const { return threads_each_; }
  // `step_seconds`: spent in its steps so far.
  void Add(std::unique_ptr<sae::Trainer> trainer, double step_seconds);

  size_t size() const { return members_.size(); }
  const sae::Trainer& trainer(size_t i) const { return *members_[i].trainer; }
  double step_seconds(size_t i) const { return members_[i].step_seconds; }

  // One step of each trainer on rows [n, dim]; what each said of it.
  std::vector<absl::StatusOr<sae::StepStats>> Step(const float* rows, int64_t n);

 private:
  struct Member {
    std::unique_ptr<sae::Trainer> trainer;
    double step_seconds = 0.0;
  };

  const int threads_each_;
  sae::WorkerPool pool_;
  std::vector<Member> members_;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_TRAINER_GROUP_H_
