#include "services/explainer/steered/attributes.h"

#include <algorithm>
#include <cstddef>
#include <map>

namespace recsae::explainer {

Attributes::Attributes(std::span<const ItemText> items) {
  std::map<Name, int32_t> numbers;
  for (const ItemText& item : items) {
    for (const auto& attribute : item.attributes) numbers.emplace(attribute, 0);
  }
  for (auto& [name, number] : numbers) {
    number = static_cast<int32_t>(names_.size());
    names_.push_back(name);
  }
  items_with_.resize(names_.size());
  for (const ItemText& item : items) {
    std::vector<int32_t>& of_item = of_items_.emplace_back();
    for (const auto& attribute : item.attributes) of_item.push_back(numbers.at(attribute));
    std::sort(of_item.begin(), of_item.end());
    of_item.erase(std::unique(of_item.begin(), of_item.end()), of_item.end());
    for (const int32_t attribute : of_item) {
      items_with_[static_cast<size_t>(attribute)].push_back(static_cast<int32_t>(of_items_.size()) -
                                                            1);
    }
  }
}

int Attributes::Find(const Name& name) const {
  const auto found = std::lower_bound(names_.begin(), names_.end(), name);
  if (found == names_.end() || *found != name) return -1;
  return static_cast<int>(found - names_.begin());
}

bool Attributes::Has(int32_t item, int attribute) const {
  const std::vector<int32_t>& of_item = of_items_[static_cast<size_t>(item)];
  return std::binary_search(of_item.begin(), of_item.end(), attribute);
}

double Attributes::ShareOf(std::span<const int32_t> items, int attribute) const {
  if (items.empty()) return 0;
  const auto have =
      std::count_if(items.begin(), items.end(), [&](int32_t item) { return Has(item, attribute); });
  return static_cast<double>(have) / static_cast<double>(items.size());
}

void Attributes::Count(std::span<const int32_t> items, std::vector<double>& counts) const {
  for (const int32_t item : items) {
    for (const int32_t attribute : of_items_[static_cast<size_t>(item)]) {
      counts[static_cast<size_t>(attribute)] += 1;
    }
  }
}

}  // namespace recsae::explainer
