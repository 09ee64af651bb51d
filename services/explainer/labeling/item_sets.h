// The language of descriptions: sets of items that a person can name in at most three terms.
#ifndef SERVICES_EXPLAINER_LABELING_ITEM_SETS_H_
#define SERVICES_EXPLAINER_LABELING_ITEM_SETS_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/explainer/labeling/item_features.h"

namespace recsae::explainer {

// "well-known 1980s-1990s Sci-Fi": what it is made of, and for people.
struct ItemSet {
  std::string name;
  // (text, kind) of each term; kind is an attribute's key, "popularity" or "word".
  std::vector<std::pair<std::string, std::string>> terms;
  int32_t items = 0;
};

// ItemSet::terms' kind of popularity bands.
inline constexpr char kPopularityKind[] = "popularity";
// That of words of titles.
inline constexpr char kWordKind[] = "word";

// What the values of an ordered key are ordered by: the number that "1994" or "1980s" begins with.
std::optional<double> OrderOf(absl::string_view value);

struct ItemSetOptions {
  // Smaller sets name single items, larger ones nearly all.
  int min_items = 5;
  double max_share = 0.9;
  // A word of fewer titles is a title.
  int min_word_items = 3;
  // Values that a key may have for its ranges ("1930s-1950s") to be sets.
  int max_range_values = 16;
  // Of attribute values, and of words, those of most items are kept; the largest max_paired of the
  // others than words make sets of two terms, until there are max_sets, or max_holdings items in
  // all sets together.
  int max_values = 2000;
  int max_words = 2000;
  int max_paired = 300;
  int max_sets = 20000;
  int64_t max_holdings = 30'000'000;
};

// What can be said of a catalogue's items. Immutable, thread-safe.
//
// Sets of one term: the values of attributes; ranges of a key whose values are numbers or decades;
// bands of popularity; words and phrases of titles. Of two terms: what two of these have in common,
// words and two values of one ordered key left out. No two sets hold the same items (the one of
// fewer terms stays, then the first), and none holds fewer than min_items.
class ItemSets {
 public:
  // `popularity`: how often each item was used, in any unit; empty = not known, no bands. What
  // `alive` returns unless it is OK ends the work.
  static absl::StatusOr<ItemSets> Create(std::span<const ItemText> items,
                                         std::span<const double> popularity,
                                         const ItemSetOptions& options,
                                         absl::FunctionRef<absl::Status()> alive);

  int size() const { return static_cast<int>(sets_.size()); }
  int items() const { return static_cast<int>(begin_.size()) - 1; }
  const ItemSet& at(int set) const { return sets_[static_cast<size_t>(set)]; }

  // The sets of an item, rising.
  std::span<const int32_t> Of(int item) const {
    const auto i = static_cast<size_t>(item);
    return {ids_.data() + begin_[i], static_cast<size_t>(begin_[i + 1] - begin_[i])};
  }

  bool Holds(int32_t set, int item) const {
    const std::span<const int32_t> sets = Of(item);
    return std::binary_search(sets.begin(), sets.end(), set);
  }

  // Sets that are one value of an attribute each, rising: what dictionaries are asked for.
  std::span<const int32_t> Attributes() const { return attributes_; }

  // Of the keys with ranges (values that are numbers or decades, and few) the one that most items
  // have, and the least value of each item ("1980s" is 1980), NaN where it has none. Empty where
  // there is no such key.
  const std::string& order_key() const { return order_key_; }
  std::span<const double> Orders() const { return orders_; }

 private:
  ItemSets() = default;
  void Index(const std::vector<std::vector<int32_t>>& holders, int items);

  std::vector<ItemSet> sets_;
  std::vector<int32_t> attributes_;
  std::string order_key_;
  std::vector<double> orders_;
  std::vector<int32_t> ids_;
  std::vector<int64_t> begin_;
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_LABELING_ITEM_SETS_H_
