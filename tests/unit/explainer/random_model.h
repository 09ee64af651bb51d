// Random SAEs, prediction heads and activations for the tests of the explainer.
#ifndef RECSAE_TESTS_UNIT_EXPLAINER_RANDOM_MODEL_H_
#define RECSAE_TESTS_UNIT_EXPLAINER_RANDOM_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "common/ranking/prediction_head.h"
#include "common/sae/model.h"

namespace recsae::explainer {

inline std::vector<float> RandomVector(size_t size, std::mt19937_64& random, float spread = 1) {
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> values(size);
  for (float& value : values) value = normal(random);
  return values;
}

inline sae::SaeWeights RandomWeights(int dim, int latents, int k, float scale,
                                     std::mt19937_64& random) {
  sae::SaeWeights weights;
  weights.dim = dim;
  weights.latents = latents;
  weights.k = k;
  weights.input_scale = scale;
  weights.encoder = RandomVector(static_cast<size_t>(dim) * latents, random, 0.3f);
  weights.encoder_bias = RandomVector(latents, random, 0.1f);
  weights.decoder = RandomVector(static_cast<size_t>(dim) * latents, random, 0.3f);
  weights.pre_bias = RandomVector(dim, random, 0.5f);
  return weights;
}

inline sae::SaeModel RandomModel(int dim, int latents, int k, float scale,
                                 std::mt19937_64& random) {
  return *sae::SaeModel::Create(RandomWeights(dim, latents, k, scale, random));
}

inline PredictionHead RandomHead(int dim, int items, bool biases, std::mt19937_64& random) {
  PredictionHead head;
  head.dim = dim;
  head.vectors = RandomVector(static_cast<size_t>(dim) * items, random);
  if (biases) head.biases = RandomVector(items, random);
  return head;
}

// score(x, item) in double.
inline double Score(const PredictionHead& head, const std::vector<float>& x, int item) {
  double score = head.Bias(item);
  for (int i = 0; i < head.dim; ++i) score += static_cast<double>(x[i]) * head.Vector(item)[i];
  return score;
}

// All items that are not in `excluded`, best first, by sorting their scores in double.
inline std::vector<int32_t> RankedItems(const PredictionHead& head, const std::vector<float>& x,
                                        const std::vector<int32_t>& excluded) {
  std::vector<std::pair<double, int32_t>> order;
  for (int item = 0; item < head.items(); ++item) {
    if (std::count(excluded.begin(), excluded.end(), item) == 0) {
      order.push_back({-Score(head, x, item), item});
    }
  }
  std::sort(order.begin(), order.end());
  std::vector<int32_t> items;
  for (const auto& [score, item] : order) items.push_back(item);
  return items;
}

}  // namespace recsae::explainer

#endif  // RECSAE_TESTS_UNIT_EXPLAINER_RANDOM_MODEL_H_
