#include "services/explainer/language/similar_cases.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <unordered_map>
#include <utility>

#include "services/explainer/labeling/profile.h"

namespace recsae::explainer {
namespace {

constexpr int kPool = 200;

// Cosine of a profile and what the describing cases are about.
double Likeness(const Profile& profile, const std::unordered_map<int32_t, double>& about) {
  double dot = 0;
  double norm = 0;
  for (const auto& [feature, share] : profile) {
    norm += static_cast<double>(share) * share;
    const auto found = about.find(feature);
    if (found != about.end()) dot += found->second * share;
  }
  return norm > 0 ? dot / std::sqrt(norm) : 0;
}

}  // namespace

std::vector<int32_t> SimilarInactive(const CaseTable& cases, const ItemFeatures& features,
                                     const CaseSelector& selector, const CaseSelection& selection,
                                     int latent) {
  std::unordered_map<int32_t, double> about;
  for (const int32_t index : selection.construction) {
    for (const auto& [feature, share] : MakeProfile(cases.at(index), features, {})) {
      about[feature] += share;
    }
  }
  std::vector<std::pair<double, int32_t>> ranked;
  for (const int32_t index : selector.Background(latent, kPool)) {
    if (std::find(selection.negatives.begin(), selection.negatives.end(), index) !=
        selection.negatives.end()) {
      continue;
    }
    ranked.emplace_back(-Likeness(MakeProfile(cases.at(index), features, {}), about), index);
  }
  std::sort(ranked.begin(), ranked.end());
  ranked.resize(std::min(ranked.size(), selection.construction.size()));
  std::vector<int32_t> similar;
  similar.reserve(ranked.size());
  for (const auto& [_, index] : ranked) similar.push_back(index);
  return similar;
}

}  // namespace recsae::explainer
