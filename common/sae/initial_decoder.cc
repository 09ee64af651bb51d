#include "common/sae/initial_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "common/base/random.h"
#include "common/math/simd/kernels.h"

namespace recsae::sae {
namespace {

// Length of the random direction that is added to a row's, so that latents of equal rows part.
constexpr float kJitter = 0.05f;

// The first `count` of 0 ... n - 1 in an order drawn at random.
std::vector<int64_t> Draw(int64_t count, int64_t n, MersenneRandom& random) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = 0; i < count; ++i) {
    const auto other = i + static_cast<int64_t>(random.Below(static_cast<uint64_t>(n - i)));
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(other)]);
  }
  order.resize(static_cast<size_t>(count));
  return order;
}

}  // namespace

void FillInitialDecoder(const TrainConfig& config, const float* sample, int64_t sample_rows,
                        const std::vector<float>& centre, std::vector<float>& decoder) {
  const size_t d = centre.size();
  const auto dim = static_cast<int>(d);
  MersenneRandom random(config.seed);
  for (float& value : decoder) value = static_cast<float>(random.Normal());
  math::NormaliseRows(decoder.data(), config.latents, dim);
  if (config.initial_decoder == InitialDecoder::kRandom) return;

  const std::vector<int64_t> rows =
      Draw(std::min<int64_t>(config.latents, sample_rows), sample_rows, random);
  std::vector<float> direction(d);
  for (size_t j = 0; j < rows.size(); ++j) {
    const float* row = sample + rows[j] * dim;
    for (size_t i = 0; i < d; ++i) direction[i] = row[i] - centre[i];
    const double norm = std::sqrt(math::SquaredNorm(direction.data(), dim));
    if (norm == 0.0) continue;  // the centre itself points nowhere
    float* latent = &decoder[j * d];
    math::Scale(kJitter, dim, latent);
    math::AddScaled(static_cast<float>(1.0 / norm), direction.data(), dim, latent);
  }
  math::NormaliseRows(decoder.data(), config.latents, dim);
}

}  // namespace recsae::sae
