// Hard negatives: cases that are much like a latent's and do not activate it.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_SIMILAR_CASES_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_SIMILAR_CASES_H_

#include <cstdint>
#include <vector>

#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_features.h"
#include "services/explainer/verification/case_selection.h"

namespace recsae::explainer {

// As many as describe the latent, of those whose items share most with the describing cases' items;
// none of those that verify.
std::vector<int32_t> SimilarInactive(const CaseTable& cases, const ItemFeatures& features,
                                     const CaseSelector& selector, const CaseSelection& selection,
                                     int latent);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_SIMILAR_CASES_H_
