// What removing concepts takes out of the whole activation, beside their latents.
#ifndef RECSAE_SERVICES_EXPLAINER_CALLS_ERASING_H_
#define RECSAE_SERVICES_EXPLAINER_CALLS_ERASING_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "services/explainer/caches/concept_cache.h"
#include "services/explainer/steering/erasure.h"

namespace recsae::explainer {

struct Erasing {
  Eraser eraser;
  // Groups without an erasure.
  std::vector<int32_t> missing;
};

// Of groups by their leads, and of the attributes that `words`, one request each, name and nothing
// besides. Thread-safe.
Erasing ErasingOf(const KnownErasures& known, int dim, const std::set<int32_t>& leads,
                  absl::Span<const std::string> words);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CALLS_ERASING_H_
