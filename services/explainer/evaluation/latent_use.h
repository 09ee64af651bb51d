// How often the latents of an SAE fire: never, now and then, or nearly always.
#ifndef RECSAE_SERVICES_EXPLAINER_EVALUATION_LATENT_USE_H_
#define RECSAE_SERVICES_EXPLAINER_EVALUATION_LATENT_USE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/sae/codes.h"

namespace recsae::explainer {

// See LatentUse in explainer.proto.
struct LatentUse {
  int64_t rows = 0;
  int latents = 0;
  int dead = 0;
  int dense = 0;
  int over_half = 0;
};

// Counts over rows, 8 bytes a latent. Not thread-safe.
class LatentUseCounts {
 public:
  explicit LatentUseCounts(int latents) : fired_(static_cast<size_t>(latents)) {}

  // The code of one more row. A kept zero is as good as none.
  void Add(absl::Span<const sae::LatentActivation> code);

  LatentUse Result() const;

 private:
  int64_t rows_ = 0;
  std::vector<int64_t> fired_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_EVALUATION_LATENT_USE_H_
