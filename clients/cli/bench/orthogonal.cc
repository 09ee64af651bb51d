#include "clients/cli/bench/orthogonal.h"

#include <algorithm>
#include <cmath>

#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/math/simd/kernels.h"

namespace recsae::cli::bench {
namespace {

// Rows that one task takes. Sums are by chunk, so that they do not depend on the threads.
constexpr int64_t kChunk = 1024;

int64_t Chunks(int64_t n) { return (n + kChunk - 1) / kChunk; }

// Descent on all rows at once. That each row is multiplied by all others, n² d operations, is
// avoided: Σ_j ⟨e_i, e_j⟩ e_j is e_i times the d × d matrix Σ_j e_j e_jᵀ.
class Descent {
 public:
  Descent(std::vector<float>& rows, int dim, double rate)
      : rows_(rows),
        d_(static_cast<size_t>(dim)),
        n_(static_cast<int64_t>(rows.size()) / dim),
        rate_(rate),
        first_(rows.size()),
        second_(rows.size()),
        products_(static_cast<size_t>(Chunks(n_)) * d_ * d_) {}

  void Step(int step, math::WorkerPool& pool) {
    const auto chunks = static_cast<int>(Chunks(n_));
    pool.Run(chunks, [&](int chunk, int) { Multiply(chunk); });
    for (int chunk = 1; chunk < chunks; ++chunk) {
      math::AddScaled(1.0f, Product(chunk), static_cast<int>(d_ * d_), Product(0));
    }
    pool.Run(chunks, [&](int chunk, int) { Update(chunk, step); });
  }

 private:
  float* Product(int chunk) { return products_.data() + static_cast<size_t>(chunk) * d_ * d_; }
  float* Begin(int chunk) { return rows_.data() + chunk * kChunk * static_cast<int64_t>(d_); }
  int64_t RowsOf(int chunk) const { return std::min(kChunk, n_ - chunk * kChunk); }

  void Multiply(int chunk) {
    const auto d = static_cast<int64_t>(d_);
    math::Sgemm(math::Transpose::kYes, math::Transpose::kNo, d, d, RowsOf(chunk), Begin(chunk),
                Begin(chunk), 0.0f, Product(chunk));
  }

  void Update(int chunk, int step) {
    const auto d = static_cast<int64_t>(d_);
    const int64_t count = RowsOf(chunk);
    float* rows = Begin(chunk);
    std::vector<float> gradient(static_cast<size_t>(count) * d_);
    math::Sgemm(math::Transpose::kNo, math::Transpose::kNo, count, d, d, rows, Product(0), 0.0f,
                gradient.data());
    // Without its own part, and with that of its length; the factor 4 of both is of no matter to
    // Adam but for epsilon, far below.
    for (int64_t i = 0; i < count; ++i) {
      const float squared = math::SquaredNorm(rows + i * d, static_cast<int>(d));
      const float own = static_cast<float>(n_) * (squared - 1.0f) - squared;
      math::AddScaled(own, rows + i * d, static_cast<int>(d), gradient.data() + i * d);
    }
    const math::AdamStep adam{static_cast<float>(rate_),
                              0.9f,
                              0.999f,
                              1e-8f,
                              static_cast<float>(1.0 / (1.0 - std::pow(0.9, step))),
                              static_cast<float>(1.0 / (1.0 - std::pow(0.999, step))),
                              4.0f};
    const size_t at = static_cast<size_t>(chunk) * kChunk * d_;
    math::ApplyAdam(adam, gradient.data(), static_cast<int>(count * d), rows, &first_[at],
                    &second_[at]);
  }

  std::vector<float>& rows_;
  const size_t d_;
  const int64_t n_;
  const double rate_;
  std::vector<float> first_, second_;  // moments, [n, d]
  std::vector<float> products_;        // [chunks, d, d]
};

}  // namespace

absl::Status MakeOrthogonal(std::vector<float>& rows, int dim, int steps, double rate,
                            math::WorkerPool& pool,
                            const std::function<absl::Status(int64_t, int64_t)>& progress) {
  Descent descent(rows, dim, rate);
  for (int step = 1; step <= steps; ++step) {
    descent.Step(step, pool);
    RECSAE_RETURN_IF_ERROR(progress(step, steps));
  }
  math::NormaliseRows(rows.data(), static_cast<int>(rows.size() / static_cast<size_t>(dim)), dim);
  return absl::OkStatus();
}

int64_t EstimateOrthogonalBytes(int64_t n, int dim) {
  const int64_t matrix = n * dim * 4;
  // Two moments, a product for each chunk, and the gradients of two chunks or so.
  return 2 * matrix + Chunks(n) * dim * dim * 4 + 4 * kChunk * dim * 4;
}

}  // namespace recsae::cli::bench
