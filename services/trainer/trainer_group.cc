#include "services/trainer/trainer_group.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "services/trainer/for_each.h"

namespace recsae::trainer {

TrainerGroup::TrainerGroup(size_t count, int threads)
    : threads_each_(count >= static_cast<size_t>(threads) ? 1 : threads),
      pool_(static_cast<int>(std::min(count, static_cast<size_t>(threads)))) {}

void TrainerGroup::Add(std::unique_ptr<sae::Trainer> trainer, double step_seconds) {
  members_.push_back({std::move(trainer), step_seconds});
}

std::vector<absl::StatusOr<sae::StepStats>> TrainerGroup::Step(const float* rows, int64_t n) {
  std::vector<absl::StatusOr<sae::StepStats>> stats(size(), absl::UnknownError("no step"));
  const auto step = [&](size_t i) {
    const auto start = std::chrono::steady_clock::now();
    stats[i] = members_[i].trainer->Step(rows, n);
    members_[i].step_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  if (threads_each_ == 1) {
    ForEach(pool_, size(), step);
  } else {
    for (size_t i = 0; i < size(); ++i) step(i);
  }
  return stats;
}

}  // namespace recsae::trainer
