#include "services/explainer/labeling/item_sets.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_set>

#include "absl/hash/hash.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace recsae::explainer {
namespace {

using Alive = absl::FunctionRef<absl::Status()>;
using Holders = std::vector<int32_t>;  // items, rising

// A set of one term.
struct Single {
  std::string text;
  std::string kind;
  Holders items;
  bool is_value = false;  // one value of an attribute
  bool ordered = false;   // of a key with ranges: two of one key are a range, or nothing
};

// Shares of the catalogue, most used first.
struct Band {
  double from;
  double to;
  const char* name;
};
constexpr std::array<Band, 7> kBands = {{{0, .01, "blockbuster"},
                                         {0, .03, "hit"},
                                         {0, .1, "popular"},
                                         {.03, .1, "well-known"},
                                         {.1, .3, "lesser-known"},
                                         {.1, 1, "not popular"},
                                         {.3, 1, "obscure"}}};

// The values of one key in the order of their numbers; empty unless all are numbers, and few.
std::vector<const std::pair<const std::string, Holders>*> Ordered(
    const std::map<std::string, Holders>& values, int most) {
  std::vector<std::pair<double, const std::pair<const std::string, Holders>*>> found;
  if (static_cast<int>(values.size()) > most || values.size() < 3) return {};
  for (const auto& value : values) {
    const std::optional<double> order = OrderOf(value.first);
    if (!order) return {};
    found.emplace_back(*order, &value);
  }
  std::sort(found.begin(), found.end());
  std::vector<const std::pair<const std::string, Holders>*> ordered;
  ordered.reserve(found.size());
  for (const auto& [order, value] : found) ordered.push_back(value);
  return ordered;
}

Holders Union(const Holders& a, const Holders& b) {
  Holders both;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

Holders Intersection(const Holders& a, const Holders& b) {
  Holders both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

void AddRanges(const std::string& key,
               const std::vector<const std::pair<const std::string, Holders>*>& ordered,
               std::vector<Single>& singles) {
  for (size_t first = 0; first < ordered.size(); ++first) {
    Holders items = ordered[first]->second;
    for (size_t last = first + 1; last < ordered.size(); ++last) {
      items = Union(items, ordered[last]->second);
      if (first == 0 && last + 1 == ordered.size()) break;  // everything that has the key
      singles.push_back({absl::StrCat(ordered[first]->first, "-", ordered[last]->first), key, items,
                         false, true});
    }
  }
}

// What items can be ordered by.
struct Ordering {
  std::string key;
  size_t items = 0;
};

// Returns the key with ranges that most items have.
Ordering AddAttributes(std::span<const ItemText> items, const ItemSetOptions& options,
                       std::vector<Single>& singles) {
  std::map<std::string, std::map<std::string, Holders>> keys;
  for (size_t i = 0; i < items.size(); ++i) {
    for (const auto& [key, value] : items[i].attributes) {
      Holders& holders = keys[key][value];
      if (holders.empty() || holders.back() != static_cast<int32_t>(i)) {
        holders.push_back(static_cast<int32_t>(i));
      }
    }
  }
  Ordering most;
  for (const auto& [key, values] : keys) {
    const auto ordered = Ordered(values, options.max_range_values);
    for (const auto& [value, holders] : values) {
      singles.push_back({value, key, holders, true, !ordered.empty()});
    }
    AddRanges(key, ordered, singles);
    Holders with_key;
    for (const auto* value : ordered) with_key = Union(with_key, value->second);
    if (with_key.size() > most.items) most = {key, with_key.size()};
  }
  return most;
}

// The least value of `key` of each item.
std::vector<double> OrdersBy(const std::string& key, std::span<const ItemText> items) {
  if (key.empty()) return {};
  std::vector<double> orders(items.size(), std::numeric_limits<double>::quiet_NaN());
  for (size_t i = 0; i < items.size(); ++i) {
    for (const auto& [of, value] : items[i].attributes) {
      if (of == key) orders[i] = std::fmin(orders[i], *OrderOf(value));
    }
  }
  return orders;
}

void AddBands(std::span<const double> popularity, std::vector<Single>& singles) {
  if (popularity.empty()) return;
  std::vector<int32_t> order(popularity.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return popularity[static_cast<size_t>(a)] > popularity[static_cast<size_t>(b)];
  });
  const auto at = [&](double share) {
    return order.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(order.size()));
  };
  for (const Band& band : kBands) {
    Holders items(at(band.from), at(band.to));
    std::sort(items.begin(), items.end());
    singles.push_back({band.name, kPopularityKind, std::move(items), false, true});
  }
}

absl::Status AddWords(std::span<const ItemText> items, const ItemSetOptions& options, Alive alive,
                      std::vector<Single>& singles) {
  RECSAE_ASSIGN_OR_RETURN(const ItemFeatures features, ItemFeatures::Create(items, alive));
  for (int i = 0; i < features.size(); ++i) {
    const Feature& feature = features.feature(i);
    if (feature.kind != kWordKind || feature.items < options.min_word_items) continue;
    const std::span<const int32_t> holders = features.ItemsOf(i);
    singles.push_back({feature.text, kWordKind, Holders(holders.begin(), holders.end())});
  }
  return absl::OkStatus();
}

// Popularity and ordered keys say how the rest is: "popular 1990s Horror".
int Place(const Single& single) {
  if (single.kind == kPopularityKind) return 0;
  if (single.ordered) return 1;
  return single.kind == kWordKind ? 3 : 2;
}

std::string Shown(const Single& single) {
  return single.kind == kWordKind ? absl::StrCat("\"", single.text, "\"") : single.text;
}

ItemSet SetOf(const Single& single) {
  return {Shown(single), {{single.text, single.kind}}, static_cast<int32_t>(single.items.size())};
}

ItemSet SetOf(const Single& a, const Single& b, size_t items) {
  const bool in_order = Place(a) <= Place(b);
  const Single& first = in_order ? a : b;
  const Single& second = in_order ? b : a;
  return {absl::StrCat(first.text, Place(first) == 2 ? " + " : " ", second.text),
          {{first.text, first.kind}, {second.text, second.kind}},
          static_cast<int32_t>(items)};
}

bool CanMeet(const Single& a, const Single& b) {
  if (a.kind == kWordKind || b.kind == kWordKind) return false;
  return a.kind != b.kind || !a.ordered;
}

// Sets, none of them twice.
struct Collection {
  std::vector<ItemSet> sets;
  std::vector<Holders> holders;
  std::unordered_set<size_t> seen;  // hashes of the holders
  int64_t holdings = 0;

  // Whether it was new.
  bool Add(Holders items, ItemSet set) {
    if (!seen.insert(absl::HashOf(items)).second) return false;
    holdings += static_cast<int64_t>(items.size());
    sets.push_back(std::move(set));
    holders.push_back(std::move(items));
    return true;
  }
};

absl::Status AddPairs(const std::vector<Single>& singles, const ItemSetOptions& options,
                      Alive alive, Collection& all) {
  for (size_t a = 0; a < singles.size(); ++a) {
    RECSAE_RETURN_IF_ERROR(alive());
    for (size_t b = a + 1; b < singles.size(); ++b) {
      if (static_cast<int>(all.sets.size()) >= options.max_sets ||
          all.holdings >= options.max_holdings) {
        return absl::OkStatus();
      }
      if (!CanMeet(singles[a], singles[b])) continue;
      Holders both = Intersection(singles[a].items, singles[b].items);
      const size_t smaller = std::min(singles[a].items.size(), singles[b].items.size());
      // One that is nearly the smaller of the two says nothing new.
      if (both.size() < static_cast<size_t>(options.min_items) ||
          static_cast<double>(both.size()) > 0.95 * static_cast<double>(smaller)) {
        continue;
      }
      const size_t size = both.size();
      all.Add(std::move(both), SetOf(singles[a], singles[b], size));
    }
  }
  return absl::OkStatus();
}

// Keeps what is of use, the largest `most` of it, in the order given.
void Prune(std::vector<Single>& singles, size_t items, const ItemSetOptions& options, int most) {
  std::erase_if(singles, [&](const Single& single) {
    const auto least = single.kind == kWordKind ? options.min_word_items : options.min_items;
    return single.items.size() < static_cast<size_t>(least) ||
           static_cast<double>(single.items.size()) >
               options.max_share * static_cast<double>(items);
  });
  const auto kept = static_cast<size_t>(most);
  if (singles.size() <= kept) return;
  std::vector<size_t> sizes;
  sizes.reserve(singles.size());
  for (const Single& single : singles) sizes.push_back(single.items.size());
  std::nth_element(sizes.begin(), sizes.begin() + most, sizes.end(), std::greater<>());
  const size_t bound = sizes[kept];
  std::erase_if(singles, [&](const Single& single) { return single.items.size() <= bound; });
}

}  // namespace

std::optional<double> OrderOf(absl::string_view value) {
  absl::ConsumeSuffix(&value, "s");
  double number = 0;
  if (!absl::SimpleAtod(value, &number) || !std::isfinite(number)) return std::nullopt;
  return number;
}

absl::StatusOr<ItemSets> ItemSets::Create(std::span<const ItemText> items,
                                          std::span<const double> popularity,
                                          const ItemSetOptions& options, Alive alive) {
  std::vector<Single> singles;
  const Ordering ordering = AddAttributes(items, options, singles);
  RECSAE_RETURN_IF_ERROR(alive());
  AddBands(popularity, singles);
  Prune(singles, items.size(), options, options.max_values);
  std::vector<Single> words;
  RECSAE_RETURN_IF_ERROR(AddWords(items, options, alive, words));
  Prune(words, items.size(), options, options.max_words);

  Collection all;
  ItemSets sets;
  sets.order_key_ = ordering.key;
  sets.orders_ = OrdersBy(ordering.key, items);
  for (const std::vector<Single>* part : {&singles, &words}) {
    for (const Single& single : *part) {
      if (!all.Add(single.items, SetOf(single))) continue;
      if (single.is_value) sets.attributes_.push_back(static_cast<int32_t>(all.sets.size()) - 1);
    }
  }
  Prune(singles, items.size(), options, options.max_paired);
  RECSAE_RETURN_IF_ERROR(AddPairs(singles, options, alive, all));
  sets.sets_ = std::move(all.sets);
  sets.Index(all.holders, static_cast<int>(items.size()));
  return sets;
}

void ItemSets::Index(const std::vector<std::vector<int32_t>>& holders, int items) {
  std::vector<int64_t> counts(static_cast<size_t>(items) + 1);
  for (const Holders& of : holders) {
    for (const int32_t item : of) ++counts[static_cast<size_t>(item) + 1];
  }
  std::partial_sum(counts.begin(), counts.end(), counts.begin());
  begin_ = counts;
  ids_.resize(static_cast<size_t>(counts.back()));
  for (size_t set = 0; set < holders.size(); ++set) {
    for (const int32_t item : holders[set]) {
      ids_[static_cast<size_t>(counts[static_cast<size_t>(item)]++)] = static_cast<int32_t>(set);
    }
  }
}

}  // namespace recsae::explainer
