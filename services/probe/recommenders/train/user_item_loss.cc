// Losses of user and item vectors. Work is split in parts whose number depends on the data alone.
#include "services/probe/recommenders/train/user_item_loss.h"

#include <algorithm>
#include <numeric>

#include "common/math/gemm.h"
#include "common/math/worker_pool.h"

namespace recsae::probe {
namespace {

using math::Sgemm;
using math::Transpose;

constexpr int kBprParts = 8;
constexpr int kMaxSoftmaxParts = 8;
// Scores of this many users are worked on at once: 128 x 3,000 floats fit a level-2 cache.
constexpr int64_t kScoredUsers = 128;

struct SoftmaxPart {
  double loss = 0;
  std::vector<float> gradient;  // of the item vectors
};

// The loss of some users, and its gradient times `scale`: their own rows in `gradient`, those of
// the items in the part.
void AddUsers(const NodeVectors& v, absl::Span<const int32_t> users,
              absl::Span<const absl::Span<const int32_t>> interactions, float scale,
              SoftmaxPart* part, float* gradient) {
  const auto rows = static_cast<int64_t>(users.size());
  const int64_t d = v.dim;
  const float* items = v.values + v.users * d;
  std::vector<float> own(rows * d), own_gradient(rows * d), scores(rows * v.items);
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(v.values + users[r] * d, d, own.data() + r * d);
  }
  Sgemm(Transpose::kNo, Transpose::kYes, rows, v.items, d, own.data(), items, 0, scores.data());
  for (int64_t r = 0; r < rows; ++r) {
    const absl::Span<const int32_t> targets = interactions[users[r]];
    part->loss += SoftmaxGradient(scores.data() + r * v.items, v.items, targets.data(),
                                  static_cast<int64_t>(targets.size()), scale);
  }
  Sgemm(Transpose::kNo, Transpose::kNo, rows, d, v.items, scores.data(), items, 0,
        own_gradient.data());
  Sgemm(Transpose::kYes, Transpose::kNo, v.items, d, rows, scores.data(), own.data(), 1,
        part->gradient.data());
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(own_gradient.data() + r * d, d, gradient + users[r] * d);
  }
}

}  // namespace

void BprGradient(const NodeVectors& v, absl::Span<const Triple> triples,
                 absl::Span<const float> slopes, math::WorkerPool* pool, float* gradient) {
  const auto count = static_cast<int64_t>(triples.size());
  const int64_t rows = v.users + v.items;
  // Each part owns some rows of the gradient, so that each is added up in the order of the triples.
  pool->Run(kBprParts, [&](int p, int) {
    const int64_t begin = p * rows / kBprParts, end = (p + 1) * rows / kBprParts;
    std::fill(gradient + begin * v.dim, gradient + end * v.dim, 0.0f);
    AddBprGradient(v.values, v.dim, triples.data(), slopes.data(), count, begin, end, gradient);
  });
}

double BprLoss(const NodeVectors& v, absl::Span<const Triple> triples, math::WorkerPool* pool,
               float* gradient) {
  const auto count = static_cast<int64_t>(triples.size());
  std::vector<float> slopes(count);
  std::vector<double> losses(kBprParts);
  pool->Run(kBprParts, [&](int p, int) {
    const int64_t begin = p * count / kBprParts, end = (p + 1) * count / kBprParts;
    losses[p] = BprSlopes(v.values, v.dim, triples.data() + begin, end - begin,
                          1 / static_cast<float>(count), slopes.data() + begin);
  });
  BprGradient(v, triples, slopes, pool, gradient);
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(count);
}

double SoftmaxLoss(const NodeVectors& v, absl::Span<const int32_t> users,
                   absl::Span<const absl::Span<const int32_t>> interactions, math::WorkerPool* pool,
                   float* gradient) {
  const auto count = static_cast<int64_t>(users.size());
  const int64_t blocks = (count + kScoredUsers - 1) / kScoredUsers;
  const int64_t part_count = std::min<int64_t>(kMaxSoftmaxParts, blocks);
  int64_t total = 0;
  for (const int32_t user : users) total += static_cast<int64_t>(interactions[user].size());
  std::fill_n(gradient, v.size(), 0.0f);
  std::vector<SoftmaxPart> parts(part_count);
  pool->Run(static_cast<int>(part_count), [&](int p, int) {
    parts[p].gradient.assign(v.items * v.dim, 0);
    for (int64_t block = p * blocks / part_count; block < (p + 1) * blocks / part_count; ++block) {
      AddUsers(v, users.subspan(block * kScoredUsers, kScoredUsers), interactions,
               1 / static_cast<float>(total), &parts[p], gradient);
    }
  });
  double loss = 0;
  float* items = gradient + v.users * v.dim;
  for (const SoftmaxPart& part : parts) {
    loss += part.loss;
    for (size_t i = 0; i < part.gradient.size(); ++i) items[i] += part.gradient[i];
  }
  return loss / static_cast<double>(total);
}

}  // namespace recsae::probe
