// How much a case is about each feature.
#ifndef SERVICES_EXPLAINER_LABELING_PROFILE_H_
#define SERVICES_EXPLAINER_LABELING_PROFILE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_features.h"

namespace recsae::explainer {

// How the items of a case share its attention; the three shares add up to 1.
struct ProfileOptions {
  double recommended = 0.2;  // the recommended item
  double ranked = 0.4;       // those ranked after it, evenly
  double history = 0.4;      // the end of the history, the last item most
  int history_items = 5;
  double history_decay = 0.7;  // weight of an item against the one after it
};

// (feature, share of the case's attention on items that have it: 0 to 1), by rising feature.
using Profile = std::vector<std::pair<int32_t, float>>;

Profile MakeProfile(const Case& from, const ItemFeatures& features, const ProfileOptions& options);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_LABELING_PROFILE_H_
