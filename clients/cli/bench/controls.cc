#include "clients/cli/bench/controls.h"

#include <algorithm>
#include <vector>

#include "common/base/random.h"
#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/math/simd/kernels.h"

namespace recsae::cli::bench {
namespace {

struct Sample {
  int64_t n = 0;
  std::vector<float> rows;
  std::vector<TrueCode> truths;
};

Sample Draw(const Sampler& sampler, int64_t n, math::WorkerPool& pool) {
  Sample sample{n, std::vector<float>(static_cast<size_t>(n) * sampler.world().spec.dim),
                std::vector<TrueCode>(static_cast<size_t>(n))};
  sampler.Generate(0, n, pool, sample.rows.data(), sample.truths.data());
  return sample;
}

// Takes the pre-bias off the sample's first rows.
void FillRows(const Sample& sample, sae::SaeWeights& weights) {
  const auto d = static_cast<size_t>(weights.dim);
  for (size_t i = 0; i < weights.decoder.size(); ++i) {
    const size_t at = i % (static_cast<size_t>(sample.n) * d);
    weights.decoder[i] = weights.input_scale * sample.rows[at] - weights.pre_bias[i % d];
  }
  math::NormaliseRows(weights.decoder.data(), weights.latents, weights.dim);
}

// The first, most frequent features; what the others add on average is the bias. More latents than
// features stay 0.
void FillTruth(const World& world, const Sample& sample, sae::SaeWeights& weights) {
  const int d = weights.dim;
  const int known = std::min(weights.latents, world.spec.features);
  std::fill(weights.decoder.begin(), weights.decoder.end(), 0.0f);
  std::copy_n(world.features.begin(), static_cast<int64_t>(known) * d, weights.decoder.begin());
  weights.pre_bias = world.bias;
  const float share = 1.0f / static_cast<float>(sample.n);
  for (const TrueCode& truth : sample.truths) {
    for (const auto& [feature, value] : truth) {
      if (feature < known) continue;
      math::AddScaled(value * share, &world.features[static_cast<size_t>(feature) * d], d,
                      weights.pre_bias.data());
    }
  }
  math::Scale(weights.input_scale, d, weights.pre_bias.data());
}

// The pre-activation that k of a row's latents exceed, on average over the sample.
float CommonThreshold(const Sample& sample, const sae::SaeWeights& weights) {
  const int64_t d = weights.dim;
  const int64_t latents = weights.latents;
  constexpr int64_t kRows = 512;  // enough for one number, k of latents times as many
  const int64_t n = std::min(sample.n, kRows);
  std::vector<float> centred(static_cast<size_t>(n * d));
  for (int64_t row = 0; row < n; ++row) {
    math::ScaleAndCentre(weights.input_scale, &sample.rows[static_cast<size_t>(row * d)],
                         weights.pre_bias.data(), static_cast<int>(d), &centred[row * d]);
  }
  std::vector<float> pre(static_cast<size_t>(n * latents));
  math::Sgemm(math::Transpose::kNo, math::Transpose::kYes, n, latents, d, centred.data(),
              weights.encoder.data(), 0.0f, pre.data());
  const auto kept = pre.begin() + std::min<int64_t>(n * weights.k, n * latents - 1);
  std::nth_element(pre.begin(), kept, pre.end(), std::greater<>());
  return std::max(*kept, 0.0f);
}

}  // namespace

absl::StatusOr<std::unique_ptr<sae::Trainer>> StartTraining(const Sampler& sampler,
                                                            const sae::TrainConfig& config,
                                                            int64_t total_rows, int64_t sample_rows,
                                                            int threads, math::WorkerPool& pool) {
  const Sample sample = Draw(sampler, sample_rows, pool);
  return sae::Trainer::Create(config, sampler.world().spec.dim, total_rows, sample.rows.data(),
                              sample.n, threads);
}

absl::StatusOr<sae::SaeWeights> MakeControl(const std::string& name, const Sampler& sampler,
                                            const sae::TrainConfig& trained, int64_t sample_rows,
                                            math::WorkerPool& pool) {
  // What begins with rows has seen the world: `rows` is that control.
  sae::TrainConfig config = trained;
  config.initial_decoder = sae::InitialDecoder::kRandom;
  RECSAE_ASSIGN_OR_RETURN(
      const std::unique_ptr<sae::Trainer> start,
      StartTraining(sampler, config, sample_rows, sample_rows, pool.threads(), pool));
  const Sample sample = Draw(sampler, sample_rows, pool);
  sae::SaeWeights weights = start->weights();
  if (name == "truth") FillTruth(sampler.world(), sample, weights);
  if (name == "rows") FillRows(sample, weights);
  if (name == "random") {
    const auto draw = [&](uint64_t which) {
      return RandomDirections(weights.latents, weights.dim, 1.0,
                              Random(Random::Mix(config.seed, 3, which)));
    };
    weights.decoder = draw(0);
    weights.encoder = draw(1);
  } else {
    weights.encoder = weights.decoder;
  }
  std::fill(weights.threshold.begin(), weights.threshold.end(), CommonThreshold(sample, weights));
  return weights;
}

}  // namespace recsae::cli::bench
