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

// Over rows [n, dim], of which row r counts as weights[r] >= 0 rows that are the same; null = once
// each.
SampleStatistics ComputeStatistics(const float* rows, int64_t n, int dim,
                                   const float* weights = nullptr);

// The point with the least sum of distances to the rows [n, dim], by Weiszfeld's iteration started
// at the mean; unlike the mean a few far rows hardly move it. Weights as above.
std::vector<float> GeometricMedian(const float* rows, int64_t n, int dim,
                                   const float* weights = nullptr);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_STATISTICS_H_
