// Whether what a description says is true of an item.
#ifndef RECSAE_SERVICES_EXPLAINER_LABELING_TERM_TRUTH_H_
#define RECSAE_SERVICES_EXPLAINER_LABELING_TERM_TRUTH_H_

#include <string>
#include <utility>
#include <vector>

#include "services/explainer/labeling/item_features.h"

namespace recsae::explainer {

// Terms of an ItemSet: (text, kind).
using SetTerms = std::vector<std::pair<std::string, std::string>>;

// Whether an item has everything that the terms say: a value of an attribute, a range of one that
// is ordered ("1980s-1990s"), words of its title. How popular it is, is not known of an item by
// itself: with such a term, and without any, it is false. Thread-safe.
bool HasAll(const SetTerms& terms, const ItemText& item);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LABELING_TERM_TRUTH_H_
