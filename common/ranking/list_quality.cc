// Coverage and Gini: Herlocker et al. 2004 and Adomavicius & Kwon 2012. Novelty as mean
// self-information: Zhou et al. 2010. Diversity within a list by attributes: Ziegler et al. 2005.
#include "common/ranking/list_quality.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace recsae {
namespace {

// Of two rising rows of numbers, neither of them empty.
double Jaccard(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  size_t shared = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) ++shared;
    const bool advance_a = a[i] <= b[j];
    const bool advance_b = b[j] <= a[i];
    i += advance_a ? 1 : 0;
    j += advance_b ? 1 : 0;
  }
  return static_cast<double>(shared) / static_cast<double>(a.size() + b.size() - shared);
}

}  // namespace

ItemPopularity::ItemPopularity(absl::Span<const int64_t> counts)
    : information_(counts.size()), in_tail_(counts.size(), true) {
  double sum = 0;
  for (const int64_t count : counts) sum += static_cast<double>(count);
  known_ = sum > 0;
  const double all = sum + static_cast<double>(counts.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    information_[i] = -std::log2((static_cast<double>(counts[i]) + 1) / all);
  }
  std::vector<int32_t> order(counts.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return counts[a] > counts[b]; });
  double held = 0;
  for (const int32_t item : order) {
    if (held >= kHeadShare * sum) break;
    held += static_cast<double>(counts[item]);
    in_tail_[item] = false;
    ++head_items_;
  }
}

std::optional<ListPopularity> PopularityOf(absl::Span<const int32_t> items,
                                           const ItemPopularity& popularity) {
  if (items.empty()) return std::nullopt;
  ListPopularity of;
  for (const int32_t item : items) {
    of.novelty += popularity.Information(item);
    of.tail_share += popularity.InTail(item) ? 1 : 0;
  }
  of.novelty /= static_cast<double>(items.size());
  of.tail_share /= static_cast<double>(items.size());
  return of;
}

std::optional<double> IntraListDiversity(absl::Span<const int32_t> list,
                                         absl::Span<const std::vector<int32_t>> attributes) {
  double similarity = 0;
  int64_t pairs = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::vector<int32_t>& a = attributes[list[i]];
    if (a.empty()) continue;
    for (size_t j = i + 1; j < list.size(); ++j) {
      const std::vector<int32_t>& b = attributes[list[j]];
      if (b.empty()) continue;
      similarity += Jaccard(a, b);
      ++pairs;
    }
  }
  if (pairs == 0) return std::nullopt;
  return 1 - similarity / static_cast<double>(pairs);
}

double GiniIndex(absl::Span<const int64_t> exposure) {
  std::vector<int64_t> sorted(exposure.begin(), exposure.end());
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  double weighted = 0;
  double sum = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const auto times = static_cast<double>(sorted[i]);
    weighted += (2 * static_cast<double>(i + 1) - n - 1) * times;
    sum += times;
  }
  return sum > 0 ? weighted / (n * sum) : 0;
}

void ListQuality::Mean::Add(const std::optional<double>& value) {
  if (!value) return;
  sum += *value;
  ++count;
}

std::optional<double> ListQuality::Mean::Value() const {
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

ListQuality::ListQuality(const ItemPopularity& popularity,
                         absl::Span<const std::vector<int32_t>> attributes,
                         absl::Span<const int32_t> withheld)
    : popularity_(popularity),
      attributes_(attributes),
      withheld_(attributes.size(), false),
      exposure_(attributes.size(), 0) {
  for (const int32_t item : withheld) withheld_[item] = true;
}

ListFigures ListQuality::Add(absl::Span<const int32_t> list) {
  ListFigures figures;
  if (list.empty()) return figures;
  ++lists_;
  for (const int32_t item : list) ++exposure_[item];
  if (popularity_.known()) {
    const ListPopularity of = *PopularityOf(list, popularity_);
    figures.tail_share = of.tail_share;
    figures.novelty = of.novelty;
  }
  figures.diversity = IntraListDiversity(list, attributes_);
  tail_share_.Add(figures.tail_share);
  novelty_.Add(figures.novelty);
  diversity_.Add(figures.diversity);
  return figures;
}

double ListQuality::coverage() const {
  int64_t items = 0;
  int64_t shown = 0;
  for (size_t i = 0; i < exposure_.size(); ++i) {
    items += withheld_[i] ? 0 : 1;
    shown += !withheld_[i] && exposure_[i] > 0 ? 1 : 0;
  }
  return items == 0 ? 0 : static_cast<double>(shown) / static_cast<double>(items);
}

double ListQuality::gini() const {
  std::vector<int64_t> exposure;
  for (size_t i = 0; i < exposure_.size(); ++i) {
    if (!withheld_[i]) exposure.push_back(exposure_[i]);
  }
  return GiniIndex(exposure);
}

}  // namespace recsae
