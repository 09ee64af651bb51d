#include "services/explainer/verification/firing.h"

#include <cmath>
#include <span>

namespace recsae::explainer {

FiringStatistics FiringOf(const CaseTable& cases, int latent) {
  FiringStatistics statistics;
  const std::span<const ActiveCase> active = cases.Active(latent);
  statistics.rows = cases.size();
  statistics.active_rows = static_cast<int64_t>(active.size());
  if (active.empty()) return statistics;
  const double n = static_cast<double>(active.size());
  for (const ActiveCase& item : active) statistics.mean += item.activation / n;
  for (const ActiveCase& item : active) {
    statistics.standard_deviation += std::pow(item.activation - statistics.mean, 2) / n;
  }
  statistics.standard_deviation = std::sqrt(statistics.standard_deviation);
  statistics.max = active.front().activation;
  for (int level = 1; level < 10; ++level) {
    statistics.level_thresholds.push_back(statistics.max * level / 10);
  }
  return statistics;
}

int IntensityLevel(double activation, const FiringStatistics& statistics) {
  if (!(activation > 0)) return 0;
  int level = 1;
  for (const double threshold : statistics.level_thresholds) level += activation > threshold;
  return level;
}

}  // namespace recsae::explainer
