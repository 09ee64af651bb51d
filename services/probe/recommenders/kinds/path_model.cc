// Paths are counted once; their weights are learned.
#include "services/probe/recommenders/kinds/path_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace recsae::probe {
namespace {

enum PathKind { kByUsers = 0, kByAttributes = 1, kPathKinds = 2 };

constexpr float kOne = 0.541324854612918F;  // softplus of it is 1

// The training items of each user, none twice.
std::vector<std::vector<int32_t>> TrainingItems(const Dataset& dataset) {
  std::vector<std::vector<int32_t>> all;
  for (size_t u = 0; u < dataset.users.size(); ++u) {
    const auto& sequence = dataset.sequences[u];
    auto& items = all.emplace_back(sequence.begin(), sequence.begin() + dataset.train_length[u]);
    std::sort(items.begin(), items.end());
    items.erase(std::unique(items.begin(), items.end()), items.end());
  }
  return all;
}

}  // namespace

PathModel::PathModel(const Dataset& dataset, int neighbours)
    : items_(static_cast<int64_t>(dataset.items.size())), users_of_item_(items_) {
  const std::vector<std::vector<int32_t>> of_users = TrainingItems(dataset);
  has_.resize((of_users.size() * items_ + 63) / 64);
  for (size_t u = 0; u < of_users.size(); ++u) {
    items_of_user_.push_back(static_cast<int32_t>(of_users[u].size()));
    for (const int32_t item : of_users[u]) {
      const uint64_t bit = u * items_ + item;
      has_[bit / 64] |= uint64_t{1} << (bit % 64);
      ++users_of_item_[item];
    }
  }
  CountNeighbours(of_users, neighbours);
  CountAttributes(dataset.items, of_users);
  weights_.assign(kPathKinds + items_ + attributes_, kOne);
  std::fill_n(weights_.begin(), kPathKinds, 0.0F);
  Refresh();
}

void PathModel::CountNeighbours(const std::vector<std::vector<int32_t>>& of_users, int neighbours) {
  std::vector<std::vector<int32_t>> users_of(items_);
  for (size_t u = 0; u < of_users.size(); ++u) {
    for (const int32_t item : of_users[u]) users_of[item].push_back(static_cast<int32_t>(u));
  }
  std::vector<int32_t> together(items_);
  neighbours_.resize(items_);
  for (int32_t i = 0; i < items_; ++i) {
    std::vector<int32_t> found;
    for (const int32_t u : users_of[i]) {
      for (const int32_t j : of_users[u]) {
        if (j != i && together[j]++ == 0) found.push_back(j);
      }
    }
    const auto closeness = [&](int32_t j) {
      return static_cast<double>(together[j]) / std::sqrt(static_cast<double>(users_of_item_[j]));
    };
    const size_t kept = std::min<size_t>(neighbours, found.size());
    std::partial_sort(found.begin(), found.begin() + static_cast<int64_t>(kept), found.end(),
                      [&](int32_t a, int32_t b) {
                        return std::make_pair(-closeness(a), a) < std::make_pair(-closeness(b), b);
                      });
    for (size_t n = 0; n < kept; ++n) neighbours_[i].push_back({found[n], together[found[n]]});
    for (const int32_t j : found) together[j] = 0;
  }
}

void PathModel::CountAttributes(absl::Span<const Item> items,
                                const std::vector<std::vector<int32_t>>& of_users) {
  std::map<std::pair<std::string, std::string>, int32_t> numbers;
  for (const Item& item : items) {
    auto& of_item = item_attributes_.emplace_back();
    for (const Attribute& attribute : item.attributes) {
      const auto next = static_cast<int32_t>(numbers.size());
      of_item.push_back(numbers.try_emplace({attribute.key, attribute.value}, next).first->second);
    }
    std::sort(of_item.begin(), of_item.end());
    of_item.erase(std::unique(of_item.begin(), of_item.end()), of_item.end());
  }
  attributes_ = static_cast<int64_t>(numbers.size());
  attribute_counts_.resize(of_users.size() * attributes_);
  for (size_t u = 0; u < of_users.size(); ++u) {
    for (const int32_t item : of_users[u]) {
      for (const int32_t t : item_attributes_[item]) ++attribute_counts_[u * attributes_ + t];
    }
  }
}

void PathModel::Refresh() {
  factors_.resize(weights_.size());
  slopes_.resize(weights_.size());
  for (size_t w = 0; w < weights_.size(); ++w) {
    const float e = std::exp(-std::abs(weights_[w]));
    if (w < kPathKinds) {
      factors_[w] = slopes_[w] = std::exp(weights_[w]);
    } else {
      factors_[w] = std::log1p(e) + std::max(0.0F, weights_[w]);
      slopes_[w] = (weights_[w] > 0 ? 1 : e) / (1 + e);
    }
  }
}

template <typename Visit>
void PathModel::ForEachPath(int32_t user, int32_t item, const Visit& visit) const {
  const int own = Has(user, item) ? 1 : 0;
  const int others = items_of_user_[user] - own;
  if (others <= 0) return;
  const double of_user = std::sqrt(static_cast<double>(others));
  for (const Neighbour& n : neighbours_[item]) {
    if (!Has(user, n.item)) continue;
    const double both = n.together - own;
    const double either = std::sqrt(static_cast<double>(users_of_item_[n.item]) *
                                    static_cast<double>(users_of_item_[item]));
    visit(kPathKinds + n.item, kByUsers, both / (either * of_user));
  }
  const int32_t* counts = attribute_counts_.data() + user * attributes_;
  for (const int32_t t : item_attributes_[item]) {
    visit(kPathKinds + items_ + t, kByAttributes, static_cast<double>(counts[t] - own) / others);
  }
}

double PathModel::Score(int32_t user, int32_t item) const {
  double sums[kPathKinds] = {};
  ForEachPath(user, item, [&](int64_t weight, PathKind kind, double value) {
    sums[kind] += factors_[weight] * value;
  });
  return factors_[kByUsers] * sums[kByUsers] + factors_[kByAttributes] * sums[kByAttributes];
}

void PathModel::AddGradient(int32_t user, int32_t item, double slope,
                            absl::Span<float> gradient) const {
  ForEachPath(user, item, [&](int64_t weight, PathKind kind, double value) {
    gradient[weight] += static_cast<float>(slope * factors_[kind] * slopes_[weight] * value);
    gradient[kind] += static_cast<float>(slope * slopes_[kind] * factors_[weight] * value);
  });
}

}  // namespace recsae::probe
