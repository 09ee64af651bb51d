// What items are, as the catalogue says: the values of its attributes as numbers.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERED_ATTRIBUTES_H_
#define RECSAE_SERVICES_EXPLAINER_STEERED_ATTRIBUTES_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "services/explainer/labeling/item_features.h"

namespace recsae::explainer {

// Immutable, thread-safe.
class Attributes {
 public:
  using Name = std::pair<std::string, std::string>;  // key, value

  // Numbered in the order of key and value.
  explicit Attributes(std::span<const ItemText> items);

  int size() const { return static_cast<int>(names_.size()); }
  const Name& name(int attribute) const { return names_[static_cast<size_t>(attribute)]; }
  // -1 for one that no item has.
  int Find(const Name& name) const;
  // The attributes of each item, rising.
  const std::vector<std::vector<int32_t>>& of_items() const { return of_items_; }
  // The items of an attribute, rising.
  const std::vector<int32_t>& ItemsWith(int attribute) const {
    return items_with_[static_cast<size_t>(attribute)];
  }
  bool Has(int32_t item, int attribute) const;
  // Share of the items that have the attribute; 0 of none.
  double ShareOf(std::span<const int32_t> items, int attribute) const;
  // How many of the items have each attribute, [size()], added to `counts`.
  void Count(std::span<const int32_t> items, std::vector<double>& counts) const;

 private:
  std::vector<Name> names_;
  std::vector<std::vector<int32_t>> of_items_;
  std::vector<std::vector<int32_t>> items_with_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERED_ATTRIBUTES_H_
