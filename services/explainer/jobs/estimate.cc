#include "services/explainer/jobs/estimate.h"

#include <algorithm>

#include "common/budget/bytes.h"
#include "common/sae/codes.h"
#include "services/explainer/evidence/compare.h"
#include "services/explainer/jobs/concept_rows.h"
#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {
namespace {

// Lists that grow by doubling, and the allocator's own.
constexpr int64_t kGrowth = 2;
// Items of a case's history and ranked items: what recorders usually keep.
constexpr int64_t kItemsOfCase = 64;
// What is found out about a latent: descriptions with their terms, evidence, statistics, what it
// was tested for with what others reach, and lists of the recommended with it raised.
constexpr int64_t kLatent = 32 * kKib;
// An item's words and attributes as features.
constexpr int64_t kItem = kKib;

// Of one row: its active latents, each known by row and by latent.
int64_t CodeBytes(const sae::SaeModel& model) {
  return Product({model.k(), 2 * sizeof(sae::LatentActivation), kGrowth});
}

}  // namespace

int64_t BuildConceptsBytes(const sae::SaeModel& model, int64_t rows, int64_t items) {
  const int64_t row = Sum({sizeof(Case), kItemsOfCase * sizeof(int32_t), CodeBytes(model)});
  const int64_t control =
      Product({std::min(rows, kPaperControlRows),
               Sum({row, Product({model.dim(), sizeof(float) + sizeof(sae::LatentActivation)})})});
  const int64_t activations = Product({rows, model.dim(), sizeof(float)});
  const int64_t erasure = Sum({Product({std::min(activations, kErasureRowBytes), kGrowth}),
                               Product({model.dim(), model.dim(), 2 * sizeof(double)})});
  return Sum({Product({rows, row}), Product({model.latents(), kLatent}), Product({items, kItem}),
              ComparisonBytes(model, items), control, erasure});
}

int64_t EvaluationBytes(const sae::SaeModel& model, int64_t rows, int64_t items) {
  const int64_t row = Sum({Product({model.dim(), sizeof(float), kGrowth}), CodeBytes(model),
                           kItemsOfCase * sizeof(int32_t)});
  return Sum({Product({rows, row}), Product({model.latents(), 64}), Product({items, kItem})});
}

int64_t ComparisonBytes(const sae::SaeModel& model, int64_t items) {
  int64_t rows = 0;
  for (int role = 0; role < kRoles; ++role)
    rows += std::max(kSampledRows[role], kLastReadRows[role]);
  const int64_t active = std::max({int64_t{model.k()}, int64_t{model.dim()}});
  const int64_t row = Sum({sizeof(Case), kItemsOfCase * sizeof(int32_t),
                           Product({model.dim(), sizeof(float), kGrowth}),
                           Product({active, sizeof(sae::LatentActivation), kGrowth})});
  const ItemSetOptions sets;
  // Linear probes of attributes: the covariance, directions and projections; and for k-sparse ones
  // the codes by latent.
  const int64_t probed = model.dim() <= kLargestProbed ? model.dim() : 0;
  const int64_t probes =
      Sum({Product({probed, probed, sizeof(float) + 2 * sizeof(double)}),
           Product({kMostAttributes, probed, sizeof(float) + 2 * sizeof(double)}),
           Product({rows, kMostAttributes, sizeof(float)}),
           Product({rows, active, sizeof(sae::LatentActivation)}),
           Product({rows, kSplitCandidates, sizeof(float)})});
  const int64_t latents = std::max<int64_t>(model.latents(), kLargestControl);
  return Sum({Product({rows, row}), Product({latents, sets.max_sets, sizeof(float)}),
              Product({latents, latents, sizeof(double), kGrowth}),
              Product({sets.max_holdings, 2 * sizeof(int32_t)}), Product({items, kItem}), probes});
}

int64_t EvaluateSteeringBytes(const sae::SaeModel& model, int64_t items, int64_t measured_rows,
                              int64_t describing_rows) {
  // The rows of both divisions, of which one is dropped; moved activations, lists, and the rows
  // that a probe sees with something removed.
  constexpr int64_t kSamples = 3;
  constexpr int64_t kCopies = 6;
  const int64_t row = Sum({Product({model.dim(), sizeof(float), kCopies}),
                           Product({kItemsOfCase, 3, sizeof(int32_t)}), CodeBytes(model), kKib});
  return Sum({Product({Sum({measured_rows, describing_rows}), kSamples, row}),
              Product({model.dim(), model.dim(), 4 * sizeof(double)}),
              Product({model.latents(), model.dim(), 2 * sizeof(double)}),
              Product({model.latents(), kKib}), Product({items, kKib})});
}

int64_t StabilityBytes(const sae::SaeModel& sae, const sae::SaeModel& reference) {
  const int64_t latents = Sum({sae.latents(), reference.latents()});
  return Sum({Product({sae.latents(), reference.latents(), 2 * sizeof(float)}),
              Product({latents, sae.dim(), sizeof(float)}), Product({latents, 64})});
}

}  // namespace recsae::explainer
