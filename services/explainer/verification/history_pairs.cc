#include "services/explainer/verification/history_pairs.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <unordered_set>
#include <utility>

namespace recsae::explainer {
namespace {

constexpr size_t kMostUsers = 1000;
// How far apart the two may be, in standard deviations of both together.
constexpr double kCaliper = 0.5;

// Mean over the items that have a value; NaN without any.
template <typename ValueOf>
double Mean(const std::vector<int32_t>& items, ValueOf value_of) {
  double sum = 0;
  int count = 0;
  for (const int32_t item : items) {
    const double value = value_of(item);
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? std::nan("") : sum / count;
}

// To mean 0 and standard deviation 1; NaN becomes 0.
void Standardize(std::vector<double>& values) {
  double sum = 0;
  double squares = 0;
  double count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    squares += value * value;
    ++count;
  }
  const double mean = count == 0 ? 0 : sum / count;
  const double deviation = count == 0 ? 0 : std::sqrt(std::max(squares / count - mean * mean, 0.0));
  for (double& value : values) {
    value = std::isnan(value) || deviation < 1e-12 ? 0 : (value - mean) / deviation;
  }
}

bool IsAbout(const ItemSet& set, const std::string& kind) {
  return std::any_of(set.terms.begin(), set.terms.end(),
                     [&](const auto& term) { return term.second == kind; });
}

}  // namespace

HistoryPairs::HistoryPairs(const SampledRows& rows, const ItemSets& sets,
                           std::span<const double> popularity)
    : rows_(rows), sets_(sets) {
  std::unordered_set<int32_t> seen;
  std::vector<double> popularities;
  std::vector<double> orders;
  for (int64_t row = 0; row < rows.rows() && users_.size() < kMostUsers; ++row) {
    const Case& from = rows.cases[static_cast<size_t>(row)];
    if (from.history.empty() || !seen.insert(from.user).second) continue;
    users_.push_back({row});
    popularities.push_back(Mean(from.history, [&](int32_t item) {
      return popularity.empty() ? std::nan("") : std::log1p(popularity[static_cast<size_t>(item)]);
    }));
    orders.push_back(Mean(from.history, [&](int32_t item) {
      return sets.Orders().empty() ? std::nan("") : sets.Orders()[static_cast<size_t>(item)];
    }));
  }
  Standardize(popularities);
  Standardize(orders);
  for (size_t i = 0; i < users_.size(); ++i) {
    users_[i].popularity = popularities[i];
    users_[i].order = orders[i];
  }
}

double HistoryPairs::Share(const User& user, int32_t set) const {
  const std::vector<int32_t>& history = rows_.cases[static_cast<size_t>(user.row)].history;
  const auto count = std::count_if(history.begin(), history.end(),
                                   [&](int32_t item) { return sets_.Holds(set, item); });
  return static_cast<double>(count) / static_cast<double>(history.size());
}

std::vector<HistoryPair> HistoryPairs::Of(int32_t set) const {
  std::vector<std::pair<double, size_t>> by_share;
  for (size_t i = 0; i < users_.size(); ++i) by_share.emplace_back(Share(users_[i], set), i);
  std::sort(by_share.begin(), by_share.end());
  const bool of_popularity = IsAbout(sets_.at(set), kPopularityKind);
  const bool of_order = !sets_.order_key().empty() && IsAbout(sets_.at(set), sets_.order_key());
  const auto apart = [&](size_t a, size_t b) {
    const double p = of_popularity ? 0 : users_[a].popularity - users_[b].popularity;
    const double o = of_order ? 0 : users_[a].order - users_[b].order;
    return std::sqrt(p * p + o * o);
  };
  // Those with most of it look for the closest of those with least.
  std::vector<HistoryPair> pairs;
  std::vector<bool> taken(users_.size());
  const size_t third = by_share.size() / 3;
  for (size_t i = 0; i < third && pairs.size() < kMostPairs; ++i) {
    const auto& [more, high] = by_share[by_share.size() - 1 - i];
    size_t best = users_.size();
    for (size_t j = 0; j < third; ++j) {
      const auto& [less, low] = by_share[j];
      if (more - less < kLeastDifference) break;
      if (taken[low] || apart(high, low) > kCaliper) continue;
      if (best == users_.size() || apart(high, low) < apart(high, best)) best = low;
    }
    if (best == users_.size()) continue;
    taken[best] = true;
    pairs.push_back({users_[high].row, users_[best].row});
  }
  return pairs;
}

}  // namespace recsae::explainer
