#include "services/explainer/evidence/detection.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>

namespace recsae::explainer {

double Detection::Precision() const {
  return told == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(told);
}

double Detection::F1() const {
  return told + have == 0 ? 0 : 2.0 * static_cast<double>(hits) / static_cast<double>(told + have);
}

double BestThreshold(std::span<const double> scores, const std::vector<bool>& has) {
  std::vector<std::pair<double, bool>> rows;
  rows.reserve(scores.size());
  Detection all;
  for (size_t i = 0; i < scores.size(); ++i) {
    rows.emplace_back(scores[i], has[i]);
    all.have += has[i] ? 1 : 0;
  }
  std::sort(rows.begin(), rows.end(), std::greater<>());
  double best = 0;
  double threshold = rows.empty() ? 0 : rows.front().first;
  for (size_t i = 0; i < rows.size(); ++i) {
    ++all.told;
    all.hits += rows[i].second ? 1 : 0;
    const bool last_of_tie = i + 1 == rows.size() || rows[i + 1].first < rows[i].first;
    if (last_of_tie && all.F1() > best) {
      best = all.F1();
      threshold = rows[i].first;
    }
  }
  return threshold;
}

Detection Detect(std::span<const double> scores, const std::vector<bool>& has, double threshold) {
  Detection detection;
  for (size_t i = 0; i < scores.size(); ++i) {
    const bool told = scores[i] >= threshold;
    detection.told += told ? 1 : 0;
    detection.have += has[i] ? 1 : 0;
    detection.hits += told && has[i] ? 1 : 0;
  }
  return detection;
}

}  // namespace recsae::explainer
