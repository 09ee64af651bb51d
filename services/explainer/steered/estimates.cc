#include "services/explainer/steered/estimates.h"

#include <cstddef>
#include <unordered_map>
#include <utility>

#include "services/explainer/verification/statistics.h"

namespace recsae::explainer {
namespace {

double Ratio(double numerator, double denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

}  // namespace

Estimate JackknifeEstimate(double value, std::span<const double> without) {
  const double reach = kZ95 * JackknifeError(without);
  return {value, value - reach, value + reach};
}

Estimate MeanOverUsers(std::span<const double> values, std::span<const int32_t> users) {
  return RatioOverUsers(values, std::vector<double>(values.size(), 1.0), users);
}

Estimate RatioOverUsers(std::span<const double> numerators, std::span<const double> denominators,
                        std::span<const int32_t> users) {
  std::unordered_map<int32_t, size_t> place;
  std::vector<std::pair<double, double>> of_user;
  double numerator = 0;
  double denominator = 0;
  for (size_t i = 0; i < numerators.size(); ++i) {
    const auto [found, added] = place.emplace(users[i], of_user.size());
    if (added) of_user.emplace_back(0, 0);
    of_user[found->second].first += numerators[i];
    of_user[found->second].second += denominators[i];
    numerator += numerators[i];
    denominator += denominators[i];
  }
  std::vector<double> without;
  without.reserve(of_user.size());
  for (const auto& [above, below] : of_user) {
    without.push_back(Ratio(numerator - above, denominator - below));
  }
  return JackknifeEstimate(Ratio(numerator, denominator), without);
}

std::vector<double> Differences(std::span<const double> a, std::span<const double> b) {
  std::vector<double> differences(a.begin(), a.end());
  for (size_t i = 0; i < differences.size(); ++i) differences[i] -= b[i];
  return differences;
}

}  // namespace recsae::explainer
