// A small recommender whose scores are known: items of a few kinds, users who like some of them.
#ifndef TESTS_UNIT_EXPLAINER_EVIDENCE_PLANTED_H_
#define TESTS_UNIT_EXPLAINER_EVIDENCE_PLANTED_H_

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/ranking/prediction_head.h"
#include "common/sae/model.h"
#include "services/explainer/evidence/sample.h"
#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {

inline constexpr int kKinds = 6;
inline constexpr int kItemsOfKind = 100;
inline constexpr int kPlantedDim = 16;

inline absl::Status Always() { return absl::OkStatus(); }

// Item i is of kind i % kKinds.
inline std::vector<ItemText> PlantedTexts() {
  std::vector<ItemText> texts;
  for (int i = 0; i < kKinds * kItemsOfKind; ++i) {
    texts.push_back({"", {{"kind", "kind" + std::to_string(i % kKinds)}}});
  }
  return texts;
}

// The direction of each kind is an axis where `planted`, and items lie near their kind's; else
// every item has a direction of its own, and kinds mean nothing.
inline PredictionHead PlantedHead(bool planted, uint64_t seed) {
  Random random(seed, 1);
  PredictionHead head;
  head.dim = kPlantedDim;
  for (int i = 0; i < kKinds * kItemsOfKind; ++i) {
    for (int d = 0; d < kPlantedDim; ++d) {
      const double own = planted ? (d == i % kKinds ? 1.0 : 0.0) : 0.0;
      head.vectors.push_back(static_cast<float>(own + (planted ? 0.1 : 1.0) * random.Normal()));
    }
  }
  return head;
}

// Users who like one or two kinds where `planted`, else anything; and what is recommended to them.
inline Sample PlantedSample(const PredictionHead& head, int users, uint64_t seed,
                            bool planted = true) {
  Random random(seed, 2);
  Sample sample(kPlantedDim, {20'000, 5'000, 4'000}, seed);
  for (int user = 0; user < users; ++user) {
    std::vector<float> x;
    for (int d = 0; d < kPlantedDim; ++d) {
      x.push_back(static_cast<float>((planted ? 0.1 : 1.0) * random.Normal()));
    }
    for (int likes = 0; likes < (planted ? 2 : 0); ++likes) {
      x[random.Below(kKinds)] += static_cast<float>(0.5 + random.Uniform());
    }
    std::vector<double> scores;
    for (int i = 0; i < head.items(); ++i) {
      scores.push_back(std::inner_product(x.begin(), x.end(), head.Vector(i).begin(), 0.0));
    }
    Case added;
    added.user = user;
    added.ranked.resize(static_cast<size_t>(head.items()));
    std::iota(added.ranked.begin(), added.ranked.end(), 0);
    std::sort(added.ranked.begin(), added.ranked.end(), [&](int32_t a, int32_t b) {
      return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
    });
    added.ranked.resize(10);
    sample.Add(x, std::move(added));
  }
  return sample;
}

// Latent j fires along axis j, for each kind.
inline sae::SaeModel AxesModel() {
  sae::SaeWeights weights;
  weights.dim = kPlantedDim;
  weights.latents = kKinds;
  weights.k = 2;
  weights.encoder.resize(size_t{kKinds} * kPlantedDim);
  for (size_t j = 0; j < kKinds; ++j) weights.encoder[j * kPlantedDim + j] = 1;
  weights.decoder = weights.encoder;
  weights.pre_bias.resize(kPlantedDim);
  return *sae::SaeModel::Create(std::move(weights));
}

inline ItemSets PlantedSets() {
  return *ItemSets::Create(PlantedTexts(), {}, ItemSetOptions(), Always);
}

}  // namespace recsae::explainer

#endif  // TESTS_UNIT_EXPLAINER_EVIDENCE_PLANTED_H_
