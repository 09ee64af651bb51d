// How alike the items of a concept are, and those of different concepts (RecSAE, section 4.4).
#ifndef RECSAE_SERVICES_EXPLAINER_EVALUATION_SIMILARITY_H_
#define RECSAE_SERVICES_EXPLAINER_EVALUATION_SIMILARITY_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/ranking/prediction_head.h"
#include "common/sae/codes.h"

namespace recsae::explainer {

// The two different items that each latent is most activated for. Not thread-safe.
class MostActivatedItems {
 public:
  explicit MostActivatedItems(int latents) : best_(latents) {}

  // `item`: what was recommended first for the row with this code. Equal activations: the earlier
  // row wins.
  void Add(absl::Span<const sae::LatentActivation> code, int32_t item);

  // Strongest first; fewer than two where the latent fired for fewer items.
  std::vector<int32_t> Items(int32_t latent) const;

 private:
  struct Case {
    float activation = 0;
    int32_t item = -1;
  };
  std::vector<std::array<Case, 2>> best_;  // of different items
};

struct ConceptSimilarity {
  // Cosine between the two items that a concept is most activated for, averaged over the concepts
  // that have two. Two cases of one item would only say that it is like itself.
  double intra = 0;
  // Cosine between the most activated items of two different concepts, averaged over all pairs.
  double inter = 0;
  // Concepts with at least one case.
  int concepts = 0;
};

// Over the concepts of `latents` (no repeats). A vector of zeros is at cosine 0 to everything.
ConceptSimilarity MeasureSimilarity(const MostActivatedItems& items, const PredictionHead& head,
                                    absl::Span<const int32_t> latents);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_EVALUATION_SIMILARITY_H_
