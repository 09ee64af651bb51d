// How to take what concepts describe out of activations, from the rows that they are built from.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_ERASURES_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_ERASURES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/explainer/jobs/concept_rows.h"
#include "services/explainer/jobs/latent_result.h"
#include "services/explainer/labeling/item_sets.h"
#include "services/explainer/steering/erasure.h"

namespace recsae::explainer {

// Bytes of the erasures of one SAE: they travel in one message.
inline constexpr int64_t kMaxErasureBytes = int64_t{1} << 20;

struct NamedErasures {
  // Of a group by its lead, or, where `attribute` is a value, of that value.
  struct Of {
    int32_t lead = 0;
    std::string key;
    std::string attribute;
    Erasure erasure;
  };
  std::vector<Of> all;
  int left_out = 0;  // for which there was no room
};

// Of each group whose lead is described by a set of items, the best described first, and of the
// values of attributes that these descriptions name. Labels: whether the first item recommended is
// of the set, and whether more of those recommended, and of the last ones read, are than with half
// of the rows. None for activations of
// more than kLargestProbed values. `alive` as everywhere.
absl::StatusOr<NamedErasures> FitErasures(const ConceptRows& rows, int dim,
                                          const std::vector<LatentResult>& results,
                                          const ItemSets& sets,
                                          absl::FunctionRef<absl::Status()> alive);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_ERASURES_H_
