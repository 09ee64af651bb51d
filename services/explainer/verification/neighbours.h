// Which latents of a dictionary are like each other: by direction, and by firing together.
#ifndef SERVICES_EXPLAINER_VERIFICATION_NEIGHBOURS_H_
#define SERVICES_EXPLAINER_VERIFICATION_NEIGHBOURS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/evidence/dictionary.h"

namespace recsae::explainer {

struct Neighbour {
  int32_t latent = -1;
  float cosine = 0;    // of the decoder directions
  float together = 0;  // Pearson correlation of the activations
};

// For each latent the `most` others closest to it by decoder direction and as many by firing
// together, none twice, by rising number; of a signed dictionary by the amounts of both. `codes`:
// of some rows. Takes latents^2 * dim and rows * active^2 operations.
absl::StatusOr<std::vector<std::vector<Neighbour>>> FindNeighbours(const Dictionary& dictionary,
                                                                   const sae::SparseCodes& codes,
                                                                   int most, Alive alive);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_NEIGHBOURS_H_
