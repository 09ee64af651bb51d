// Seeded random numbers and weights for the SAE tests.
#ifndef RECSAE_TESTS_UNIT_COMMON_SAE_TESTING_H_
#define RECSAE_TESTS_UNIT_COMMON_SAE_TESTING_H_

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "common/sae/model.h"

namespace recsae::sae {

inline std::vector<float> RandomValues(int64_t n, uint64_t seed, float scale = 1.0f) {
  std::mt19937_64 bits(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = normal(bits);
  return values;
}

inline SaeWeights RandomWeights(int dim, int latents, int k, Architecture architecture,
                                uint64_t seed) {
  SaeWeights weights;
  weights.dim = dim;
  weights.latents = latents;
  weights.k = k;
  weights.architecture = architecture;
  weights.encoder = RandomValues(int64_t{latents} * dim, seed + 1, 0.5f);
  weights.encoder_bias = RandomValues(latents, seed + 2, 0.3f);
  weights.decoder = RandomValues(int64_t{latents} * dim, seed + 3, 0.5f);
  weights.pre_bias = RandomValues(dim, seed + 4, 0.5f);
  if (HasThreshold(architecture)) {
    weights.threshold = RandomValues(latents, seed + 5, 0.3f);
    for (float& threshold : weights.threshold) threshold = 0.05f + std::abs(threshold);
  }
  return weights;
}

// Rows that an SAE can learn: each is an offset plus `active` of `directions` random unit
// directions with random positive strengths, plus a little noise.
inline std::vector<float> PlantedRows(int64_t n, int dim, int directions, int active,
                                      uint64_t seed) {
  std::vector<float> basis = RandomValues(int64_t{directions} * dim, 977);
  const std::vector<float> offset = RandomValues(dim, 978, 0.3f);
  for (int j = 0; j < directions; ++j) {
    double squared = 0.0;
    for (int i = 0; i < dim; ++i) squared += basis[j * dim + i] * basis[j * dim + i];
    for (int i = 0; i < dim; ++i) basis[j * dim + i] /= static_cast<float>(std::sqrt(squared));
  }
  std::mt19937_64 bits(seed);
  std::uniform_real_distribution<float> strength(0.5f, 2.0f);
  std::normal_distribution<float> noise(0.0f, 0.01f);
  std::vector<float> rows(static_cast<size_t>(n * dim));
  for (int64_t r = 0; r < n; ++r) {
    float* row = &rows[static_cast<size_t>(r * dim)];
    for (int i = 0; i < dim; ++i) row[i] = offset[i] + noise(bits);
    for (int a = 0; a < active; ++a) {
      const auto j = static_cast<int>(bits() % static_cast<uint64_t>(directions));
      const float value = strength(bits);
      for (int i = 0; i < dim; ++i) row[i] += value * basis[j * dim + i];
    }
  }
  return rows;
}

}  // namespace recsae::sae

#endif  // RECSAE_TESTS_UNIT_COMMON_SAE_TESTING_H_
