#include "clients/cli/bench/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/math/simd/kernels.h"
#include "common/sae/matching.h"
#include "common/sae/metrics.h"

namespace recsae::cli::bench {
namespace {

constexpr int64_t kLatentsPerTask = 64;
// Rows that are made, encoded and counted together, and those that one task encodes.
constexpr int64_t kRowsAtOnce = 2048;
constexpr int64_t kRowsPerTask = 64;

std::vector<float> UnitRows(std::span<const float> matrix, int dim) {
  std::vector<float> rows(matrix.begin(), matrix.end());
  math::NormaliseRows(rows.data(), static_cast<int>(rows.size() / static_cast<size_t>(dim)), dim);
  return rows;
}

double Norm(const float* x, size_t n) { return std::sqrt(std::inner_product(x, x + n, x, 0.0)); }

// Rows of the world with what is true of them, and what a model makes of them.
struct Batch {
  std::vector<float> rows;
  std::vector<TrueCode> truths;
  std::vector<std::vector<math::LatentActivation>> codes;
  std::vector<float> reconstructions;
};

void Fill(const sae::SaeModel& model, const Sampler& sampler, int64_t first, int64_t n,
          math::WorkerPool& pool, Batch& batch) {
  const auto d = static_cast<size_t>(model.dim());
  batch.rows.resize(static_cast<size_t>(n) * d);
  batch.reconstructions.resize(static_cast<size_t>(n) * d);
  batch.truths.resize(static_cast<size_t>(n));
  batch.codes.resize(static_cast<size_t>(n));
  sampler.Generate(first, n, pool, batch.rows.data(), batch.truths.data());
  pool.Run(static_cast<int>((n + kRowsPerTask - 1) / kRowsPerTask), [&](int task, int) {
    const int64_t begin = task * kRowsPerTask;
    const int64_t end = std::min(begin + kRowsPerTask, n);
    const math::SparseCodes codes =
        model.EncodeBatch(&batch.rows[static_cast<size_t>(begin) * d], end - begin);
    for (int64_t row = begin; row < end; ++row) {
      const auto code = codes.Row(row - begin);
      batch.codes[row].assign(code.begin(), code.end());
      model.Decode(code, &batch.reconstructions[static_cast<size_t>(row) * d]);
    }
  });
}

}  // namespace

int64_t EstimateFitBytes(int64_t latents, int64_t features, int dim) {
  // The cosines, once more where they are turned round, and both dictionaries at length 1.
  return latents * features * 4 * (latents > features ? 2 : 1) + (latents + features) * dim * 4;
}

absl::StatusOr<DirectionFit> FitDirections(
    std::span<const float> decoder, std::span<const float> features, int dim,
    math::WorkerPool& pool, const std::function<absl::Status(int64_t, int64_t)>& progress) {
  const auto latents = static_cast<int64_t>(decoder.size()) / dim;
  const auto n = static_cast<int64_t>(features.size()) / dim;
  const std::vector<float> a = UnitRows(decoder, dim);
  const std::vector<float> b = UnitRows(features, dim);
  std::vector<float> cosines(static_cast<size_t>(latents * n));
  DirectionFit fit;
  fit.nearest.resize(static_cast<size_t>(latents));
  pool.Run(static_cast<int>((latents + kLatentsPerTask - 1) / kLatentsPerTask), [&](int task, int) {
    const int64_t begin = task * kLatentsPerTask;
    const int64_t end = std::min(begin + kLatentsPerTask, latents);
    float* out = &cosines[static_cast<size_t>(begin * n)];
    math::Sgemm(math::Transpose::kNo, math::Transpose::kYes, end - begin, n, dim, &a[begin * dim],
                b.data(), 0.0f, out);
    for (int64_t j = begin; j < end; ++j, out += n) {
      for (int64_t i = 0; i < n; ++i) out[i] = std::abs(out[i]);
      fit.nearest[j] = static_cast<int32_t>(std::max_element(out, out + n) - out);
    }
  });
  std::vector<char> taken(static_cast<size_t>(n));
  for (const int32_t feature : fit.nearest) taken[feature] = 1;
  fit.uniqueness = std::accumulate(taken.begin(), taken.end(), 0.0) / static_cast<double>(latents);
  RECSAE_ASSIGN_OR_RETURN(const std::vector<int32_t> partner,
                          sae::MaximalAssignment(cosines, latents, n, progress));
  double sum = 0.0;
  for (int64_t j = 0; j < latents; ++j) {
    if (partner[j] >= 0) sum += std::min(double{cosines[j * n + partner[j]]}, 1.0);
  }
  fit.mcc = sum / static_cast<double>(std::min(latents, n));
  return fit;
}

DetectionCounts::DetectionCounts(std::span<const int32_t> nearest, int features)
    : nearest_(nearest),
      active_(nearest.size()),
      both_(nearest.size()),
      fires_(static_cast<size_t>(features)),
      seen_(static_cast<size_t>(features)) {}

void DetectionCounts::Add(std::span<const math::LatentActivation> code, const TrueCode& truth) {
  ++rows_;
  for (const auto& [feature, value] : truth) {
    ++fires_[feature];
    seen_[feature] = rows_;
  }
  for (const auto& [latent, value] : code) {
    ++active_[latent];
    if (seen_[nearest_[latent]] == rows_) ++both_[latent];
  }
}

Scores DetectionCounts::Result() const {
  const auto share = [](double part, double whole) { return whole > 0 ? part / whole : 0.0; };
  Scores scores;
  for (size_t j = 0; j < nearest_.size(); ++j) {
    const auto both = static_cast<double>(both_[j]);
    const double precision = share(both, static_cast<double>(active_[j]));
    const double recall = share(both, static_cast<double>(fires_[nearest_[j]]));
    scores.precision += precision;
    scores.recall += recall;
    scores.f1 += share(2.0 * precision * recall, precision + recall);
    scores.dead += active_[j] == 0 ? 1 : 0;
    scores.l0 += static_cast<double>(active_[j]);
  }
  const auto latents = static_cast<double>(nearest_.size());
  scores.precision /= latents;
  scores.recall /= latents;
  scores.f1 /= latents;
  scores.l0 = share(scores.l0, static_cast<double>(rows_));
  scores.true_l0 =
      share(std::accumulate(fires_.begin(), fires_.end(), 0.0), static_cast<double>(rows_));
  return scores;
}

Scores Measure(const sae::SaeModel& model, const DirectionFit& fit, const Sampler& sampler,
               int64_t first, int64_t n, math::WorkerPool& pool) {
  const auto d = static_cast<size_t>(model.dim());
  DetectionCounts counts(fit.nearest, sampler.world().spec.features);
  sae::MetricsAccumulator metrics(model.dim(), model.latents());
  double shrinkage = 0.0;
  Batch batch;
  for (int64_t done = 0; done < n; done += kRowsAtOnce) {
    const int64_t count = std::min(kRowsAtOnce, n - done);
    Fill(model, sampler, first + done, count, pool, batch);
    for (int64_t row = 0; row < count; ++row) {
      const float* x = &batch.rows[static_cast<size_t>(row) * d];
      const float* rebuilt = &batch.reconstructions[static_cast<size_t>(row) * d];
      counts.Add(batch.codes[row], batch.truths[row]);
      metrics.AddRow(x, rebuilt, batch.codes[row]);
      const double norm = Norm(x, d);
      shrinkage += norm > 0 ? Norm(rebuilt, d) / norm : 1.0;
    }
  }
  Scores scores = counts.Result();
  scores.mcc = fit.mcc;
  scores.uniqueness = fit.uniqueness;
  scores.explained_variance = 1.0 - metrics.Result().fvu;
  scores.shrinkage = shrinkage / static_cast<double>(n);
  return scores;
}

}  // namespace recsae::cli::bench
