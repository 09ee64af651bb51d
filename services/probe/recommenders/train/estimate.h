// How much memory training a recommender takes.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_ESTIMATE_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_ESTIMATE_H_

#include <cstdint>

#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// What counts of a data set.
struct DatasetSize {
  int64_t users = 0;
  int64_t items = 0;
  int64_t interactions = 0;
};

DatasetSize SizeOf(const Dataset& dataset);

// About the bytes that Train, the evaluation after it and Save hold at most beside the data set:
// parameters with their gradients, moments, best and stored copies; what a step holds of its batch;
// what is kept of the interactions. Saturates.
int64_t TrainingBytes(const RecommenderOptions& options, const DatasetSize& size);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_ESTIMATE_H_
