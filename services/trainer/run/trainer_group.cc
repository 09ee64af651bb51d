#include "services/trainer/run/trainer_group.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "services/trainer/run/for_each.h"

namespace recsae::trainer {

TrainerGroup::TrainerGroup(size_t count, int threads)
    : threads_each_(count >= static_cast<size_t>(threads) ? 1 : threads),
      pool_(static_cast<int>(std::clamp(count, size_t{1}, static_cast<size_t>(threads)))) {}

void TrainerGroup::Add(std::unique_ptr<sae::Trainer> trainer, double step_seconds) {
  if (trainer != nullptr) running_.push_back(size());
  members_.push_back({std::move(trainer), step_seconds});
}

std::vector<absl::StatusOr<sae::StepStats>> TrainerGroup::Step(const sae::BatchRows& rows,
                                                               const float* weights, int64_t n,
                                                               const std::atomic<bool>* stop) {
  std::vector<absl::StatusOr<sae::StepStats>> stats(running_.size());
  const auto step = [&](size_t r) {
    Member& member = members_[running_[r]];
    const auto start = std::chrono::steady_clock::now();
    stats[r] = member.trainer->Step(rows, n, stop, weights);
    member.step_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  if (threads_each_ == 1) {
    ForEach(pool_, running_.size(), step);
  } else {
    for (size_t r = 0; r < running_.size(); ++r) step(r);
  }
  return stats;
}

void TrainerGroup::End(size_t i) {
  members_[i].trainer.reset();
  std::erase(running_, i);
}

}  // namespace recsae::trainer
