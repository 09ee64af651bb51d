// What training needs to know about its data beforehand, from a sample of it.
#ifndef RECSAE_COMMON_SAE_STATISTICS_H_
#define RECSAE_COMMON_SAE_STATISTICS_H_

#include <cstdint>
#include <vector>

namespace recsae::sae {

struct SampleStatistics {
  double variance = 0.0;           // mean of ‖x − mean‖²
  double mean_squared_norm = 0.0;  // mean of ‖x‖²
};

// Over rows [n, dim].
SampleStatistics ComputeStatistics(const float* rows, int64_t n, int dim);

// The point with the least sum of distances to the rows [n, dim], by Weiszfeld's iteration started
// at the mean; unlike the mean a few far rows hardly move it.
std::vector<float> GeometricMedian(const float* rows, int64_t n, int dim);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_STATISTICS_H_
