// Linear probes of the activations themselves: how well an attribute of the first recommended item
// can be told without any dictionary, and along which direction.
#ifndef SERVICES_EXPLAINER_EVIDENCE_ATTRIBUTE_PROBES_H_
#define SERVICES_EXPLAINER_EVIDENCE_ATTRIBUTE_PROBES_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/evidence/dictionary.h"
#include "services/explainer/evidence/sample.h"
#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {

// A probe solves equations in the dim x dim covariance; none is fitted to wider activations.
inline constexpr int kLargestProbed = 2048;
// With fewer rows whose first item has the attribute, chance alone moves F1 by .05 and more.
inline constexpr int64_t kFewestWithAttribute = 50;

struct AttributeProbes {
  std::vector<int32_t> sets;  // the attributes, as given
  // By role and attribute: the rows whose first recommended item has it, rising.
  std::array<std::vector<std::vector<int32_t>>, kRoles> rows_with;
  std::vector<float> directions;   // [attributes, dim], of length 1
  std::vector<float> projections;  // [measured rows, attributes]: <x - mean, direction>
  std::vector<double> thresholds;  // [attributes]: of the projection, for the best F1

  int attributes() const { return static_cast<int>(sets.size()); }
  const std::vector<int32_t>& RowsWith(Role role, int attribute) const {
    return rows_with[static_cast<size_t>(role)][static_cast<size_t>(attribute)];
  }
  // Measured rows whose first item has the attribute, and whose activation tells so: those on which
  // a dictionary can be asked for it.
  std::vector<int32_t> ToldRows(int attribute) const;
  float Projection(int32_t row, int attribute) const {
    return projections[static_cast<size_t>(row) * sets.size() + static_cast<size_t>(attribute)];
  }
};

// For those of `attributes` that kFewestWithAttribute rows of each role have and as many have not.
// Least squares of "the first item has it" on the activations of the users who describe, with a
// little ridge (the direction of linear discriminant analysis); mean of theirs; threshold on the
// users for that. None where the activations are wider than kLargestProbed.
absl::StatusOr<AttributeProbes> FitAttributeProbes(const Sample& sample, const ItemSets& sets,
                                                   std::span<const int32_t> attributes,
                                                   Alive alive);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_EVIDENCE_ATTRIBUTE_PROBES_H_
