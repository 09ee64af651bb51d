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

double RocAuc(std::span<const double> scores, const std::vector<bool>& has) {
  std::vector<std::pair<double, bool>> rows;
  rows.reserve(scores.size());
  for (size_t i = 0; i < scores.size(); ++i) rows.emplace_back(scores[i], has[i]);
  std::sort(rows.begin(), rows.end());
  double below = 0;  // rows that have it not, of lower scores
  double have = 0;
  double pairs_won = 0;
  for (size_t begin = 0; begin < rows.size();) {
    double tied_have = 0;
    size_t end = begin;
    for (; end < rows.size() && rows[end].first == rows[begin].first; ++end) {
      tied_have += rows[end].second ? 1 : 0;
    }
    const double tied_not = static_cast<double>(end - begin) - tied_have;
    pairs_won += tied_have * (below + tied_not / 2);
    below += tied_not;
    have += tied_have;
    begin = end;
  }
  return have == 0 || below == 0 ? 0.5 : pairs_won / (have * below);
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
