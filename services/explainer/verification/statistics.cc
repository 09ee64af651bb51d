#include "services/explainer/verification/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace recsae::explainer {
namespace {

constexpr double kRounding = 1e-9;

}  // namespace

std::pair<double, double> WilsonInterval(int successes, int trials) {
  if (trials <= 0) return {0, 1};
  constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const double n = trials;
  const double share = successes / n;
  const double middle = share + kZ * kZ / (2 * n);
  const double reach = kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  const double scale = 1 + kZ * kZ / n;
  return {std::max(0.0, (middle - reach) / scale), std::min(1.0, (middle + reach) / scale)};
}

std::vector<double> BenjaminiHochberg(std::span<const double> p_values) {
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return p_values[a] > p_values[b]; });
  std::vector<double> q_values(p_values.size());
  double smallest = 1;
  for (size_t i = 0; i < order.size(); ++i) {
    const double rank = static_cast<double>(order.size() - i);
    smallest = std::min(smallest, p_values[order[i]] * static_cast<double>(order.size()) / rank);
    q_values[order[i]] = smallest;
  }
  return q_values;
}

double RocAuc(std::span<const double> positives, std::span<const double> negatives) {
  if (positives.empty() || negatives.empty()) return 0.5;
  std::vector<double> sorted(negatives.begin(), negatives.end());
  std::sort(sorted.begin(), sorted.end());
  double wins = 0;
  for (const double score : positives) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), score);
    wins += static_cast<double>(first - sorted.begin()) + 0.5 * static_cast<double>(last - first);
  }
  return wins / (static_cast<double>(positives.size()) * static_cast<double>(negatives.size()));
}

Standardizer::Standardizer(std::span<const double> others, int cases)
    : count_(static_cast<double>(others.size())), least_deviation_(0.5 / std::max(cases, 1)) {
  for (const double other : others) {
    sum_ += other;
    squares_ += other * other;
  }
}

double Standardizer::mean() const { return sum_ / count_; }

double Standardizer::operator()(double confidence) const {
  return Above(confidence, count_, sum_, squares_);
}

double Standardizer::AgainstTheRest(double other) const {
  return Above(other, count_ - 1, sum_ - other, squares_ - other * other);
}

void PooledControl::Add(const Standardizer& standardizer, int cases, std::span<const int> others) {
  const auto [least, most] = std::minmax_element(others.begin(), others.end());
  Others of_latent{standardizer, cases, *least, {}};
  of_latent.count.resize(static_cast<size_t>(*most - *least) + 1);
  for (const int right : others) ++of_latent.count[static_cast<size_t>(right - *least)];
  latents_.push_back(std::move(of_latent));
  size_ += static_cast<int64_t>(others.size());
}

std::vector<double> PooledControl::PValues(std::span<const double> worths) const {
  std::vector<double> sorted(worths.begin(), worths.end());
  std::sort(sorted.begin(), sorted.end());
  // [i]: of the control what is worth as much as sorted[i - 1], but not as sorted[i].
  std::vector<int64_t> reach(sorted.size() + 1);
  for (const Others& others : latents_) {
    for (size_t i = 0; i < others.count.size(); ++i) {
      if (others.count[i] == 0) continue;
      const double share = static_cast<double>(others.least + static_cast<int>(i)) / others.cases;
      const double worth = others.standardizer.AgainstTheRest(share);
      // What is equal but for rounding is worth as much.
      const auto above = std::partition_point(sorted.begin(), sorted.end(), [worth](double wanted) {
        return wanted - kRounding <= worth;
      });
      reach[static_cast<size_t>(above - sorted.begin())] += others.count[i];
    }
  }
  // Now what is worth at least as much as sorted[i - 1].
  for (size_t i = sorted.size(); i-- > 0;) reach[i] += reach[i + 1];
  std::vector<double> p_values;
  for (const double worth : worths) {
    const auto place = std::lower_bound(sorted.begin(), sorted.end(), worth) - sorted.begin();
    const int64_t as_good = reach[static_cast<size_t>(place) + 1];
    p_values.push_back((1 + static_cast<double>(as_good)) / (1 + static_cast<double>(size_)));
  }
  return p_values;
}

double Standardizer::Above(double confidence, double count, double sum, double squares) const {
  const double mean = sum / count;
  const double variance = std::max(0.0, squares / count - mean * mean);
  return (confidence - mean) / std::max(std::sqrt(variance), least_deviation_);
}

}  // namespace recsae::explainer
