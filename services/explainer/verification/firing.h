// How a latent fires over all cases, described or not.
#ifndef SERVICES_EXPLAINER_VERIFICATION_FIRING_H_
#define SERVICES_EXPLAINER_VERIFICATION_FIRING_H_

#include <cstdint>
#include <vector>

#include "services/explainer/labeling/case_table.h"

namespace recsae::explainer {

struct FiringStatistics {
  int64_t rows = 0;
  int64_t active_rows = 0;
  double mean = 0;  // over the active rows, as are the next two
  double standard_deviation = 0;
  double max = 0;
  // Upper ends of the intensity levels 1 to 9: tenths of the largest activation.
  std::vector<double> level_thresholds;
};

FiringStatistics FiringOf(const CaseTable& cases, int latent);

// The intensity level, 1 to 10, of an activation; 0 when it is not above 0.
int IntensityLevel(double activation, const FiringStatistics& statistics);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_FIRING_H_
