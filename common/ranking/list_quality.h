// What lists recommend beside relevance: how much of the catalogue, how evenly, how popular, how
// varied.
#ifndef RECSAE_COMMON_RANKING_LIST_QUALITY_H_
#define RECSAE_COMMON_RANKING_LIST_QUALITY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"

namespace recsae {

// How popular each item is, from counts of its training interactions. Immutable, thread-safe.
class ItemPopularity {
 public:
  // `counts` [items], none below 0. Nothing is known where their sum is 0.
  explicit ItemPopularity(absl::Span<const int64_t> counts);

  int items() const { return static_cast<int>(information_.size()); }
  bool known() const { return known_; }
  // -log2 of the item's share of all interactions, in bits: (count + 1) / (sum + items), so that an
  // item that nobody touched has a finite one.
  double Information(int32_t item) const { return information_[static_cast<size_t>(item)]; }
  // Whether the item is in the long tail: outside the head, which is the shortest row of the most
  // popular items (ties by the lower index) that holds at least kHeadShare of the interactions.
  bool InTail(int32_t item) const { return in_tail_[static_cast<size_t>(item)]; }
  int64_t head_items() const { return head_items_; }

  static constexpr double kHeadShare = 0.8;

 private:
  std::vector<double> information_;
  std::vector<bool> in_tail_;
  int64_t head_items_ = 0;
  bool known_ = false;
};

// Of a list.
struct ListPopularity {
  double novelty = 0;     // mean ItemPopularity::Information
  double tail_share = 0;  // ItemPopularity::InTail
};

// Nothing of no items. Thread-safe.
std::optional<ListPopularity> PopularityOf(absl::Span<const int32_t> items,
                                           const ItemPopularity& popularity);

// 1 - the mean Jaccard similarity of the pairs of a list, by the items' attributes ([items] of
// rising numbers): 0 where all items have the same ones, 1 where no two share one. Pairs with an
// item that has none are left out; nothing where no pair is left.
std::optional<double> IntraListDiversity(absl::Span<const int32_t> list,
                                         absl::Span<const std::vector<int32_t>> attributes);

// Gini index of how often the items were recommended: 0 where all were equally often, (n - 1) / n
// where one of n has all; 0 without any. `exposure` [n], none below 0, in any order.
double GiniIndex(absl::Span<const int64_t> exposure);

// What is known of one list.
struct ListFigures {
  // Share of the items that are in the long tail, and mean information of the items in bits;
  // nothing where popularity is unknown or the list empty.
  std::optional<double> tail_share;
  std::optional<double> novelty;
  // IntraListDiversity.
  std::optional<double> diversity;
};

// The same figures of many lists, and what only many lists have. Memory is a number for each item,
// however many lists there are. Not thread-safe.
class ListQuality {
 public:
  // `popularity` is of all items of the catalogue, known or not. `attributes` [items] of rising
  // numbers. Both must outlive this. `withheld`: items that can never be recommended, each once.
  ListQuality(const ItemPopularity& popularity, absl::Span<const std::vector<int32_t>> attributes,
              absl::Span<const int32_t> withheld);

  // Adds a list of distinct items; an empty one counts for nothing. Returns what is known of it
  // alone.
  ListFigures Add(absl::Span<const int32_t> list);

  // Lists that had an item.
  int64_t lists() const { return lists_; }
  // Share of the items, without the withheld, that are in at least one list.
  double coverage() const;
  // GiniIndex over the items, without the withheld.
  double gini() const;
  // Means over the lists that have the figure; nothing where none has.
  std::optional<double> tail_share() const { return tail_share_.Value(); }
  std::optional<double> novelty() const { return novelty_.Value(); }
  std::optional<double> diversity() const { return diversity_.Value(); }

 private:
  struct Mean {
    double sum = 0;
    int64_t count = 0;
    void Add(const std::optional<double>& value);
    std::optional<double> Value() const;
  };

  const ItemPopularity& popularity_;
  absl::Span<const std::vector<int32_t>> attributes_;
  std::vector<bool> withheld_;
  std::vector<int64_t> exposure_;
  int64_t lists_ = 0;
  Mean tail_share_;
  Mean novelty_;
  Mean diversity_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_RANKING_LIST_QUALITY_H_
