// Adam, a part of the array for each task of the pool.
#include "services/probe/recommenders/train/dense_adam.h"

#include <cmath>

#include "common/math/simd/kernels.h"
#include "common/math/worker_pool.h"

namespace recsae::probe {
namespace {

constexpr float kBeta1 = 0.9F, kBeta2 = 0.999F, kEpsilon = 1e-8F;
constexpr int kParts = 16;

}  // namespace

void DenseAdam::Step(double rate, double l2, absl::Span<float> gradient, absl::Span<float> weights,
                     math::WorkerPool* pool) {
  ++steps_;
  const auto correction = [&](float beta) {
    return static_cast<float>(1 / (1 - std::pow(beta, static_cast<double>(steps_))));
  };
  const math::AdamStep step{static_cast<float>(rate), kBeta1, kBeta2, kEpsilon, correction(kBeta1),
                            correction(kBeta2),       1};
  const auto size = static_cast<int64_t>(weights.size());
  pool->Run(kParts, [&](int part, int) {
    const int64_t begin = part * size / kParts;
    const auto n = static_cast<int>((part + 1) * size / kParts - begin);
    math::AddScaled(static_cast<float>(l2), weights.data() + begin, n, gradient.data() + begin);
    math::ApplyAdam(step, gradient.data() + begin, n, weights.data() + begin, first_.data() + begin,
                    second_.data() + begin);
  });
}

}  // namespace recsae::probe
