// What can be said about items in words: attributes, title words and phrases, whole titles.
#ifndef SERVICES_EXPLAINER_LABELING_ITEM_FEATURES_H_
#define SERVICES_EXPLAINER_LABELING_ITEM_FEATURES_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace recsae::explainer {

// An item as the catalogue has it.
struct ItemText {
  std::string title;
  std::vector<std::pair<std::string, std::string>> attributes;  // key, value
};

// Something that is true of one or more items.
struct Feature {
  // "star trek", "Horror", "1980s", "Bambi (1942)".
  std::string text;
  // "word" (also phrases), "title", or the attribute's key.
  std::string kind;
  // Items that have it.
  int32_t items = 0;
};

// The vocabulary of a catalogue and which item has which feature. Immutable, thread-safe.
//
// Words (common/base/words.h) are lower-cased, stop words and numbers left out; phrases are up to
// three words that follow each other in a title. A word or phrase is a feature when at least two
// items have it; of several that the very same items have, the longest alone is kept. Each item's
// title is a feature, too.
class ItemFeatures {
 public:
  explicit ItemFeatures(std::span<const ItemText> items);
  // The same, which for a million items takes seconds: `alive` is asked every few milliseconds, and
  // what it returns unless it is OK ends the work.
  static absl::StatusOr<ItemFeatures> Create(std::span<const ItemText> items,
                                             absl::FunctionRef<absl::Status()> alive);

  int size() const { return static_cast<int>(features_.size()); }
  int items() const { return static_cast<int>(begin_.size()) - 1; }
  const Feature& feature(int id) const { return features_[static_cast<size_t>(id)]; }

  // Features of an item, by rising id.
  std::span<const int32_t> Of(int item) const {
    const auto i = static_cast<size_t>(item);
    return {ids_.data() + begin_[i], static_cast<size_t>(begin_[i + 1] - begin_[i])};
  }

  // The feature that is the item's title, or -1 when it has none.
  int32_t TitleOf(int item) const { return title_of_[static_cast<size_t>(item)]; }

  // Items that have a feature, rising.
  std::span<const int32_t> ItemsOf(int feature) const {
    return items_of_[static_cast<size_t>(feature)];
  }

 private:
  ItemFeatures() = default;
  absl::Status Build(std::span<const ItemText> items, absl::FunctionRef<absl::Status()> alive);

  std::vector<Feature> features_;
  std::vector<std::vector<int32_t>> items_of_;
  std::vector<int32_t> title_of_;
  std::vector<int32_t> ids_;
  std::vector<int64_t> begin_;
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_LABELING_ITEM_FEATURES_H_
