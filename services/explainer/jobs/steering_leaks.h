// Whether a linear probe still finds an attribute after Steer removed it.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_LEAKS_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_LEAKS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/jobs/steering_rows.h"
#include "services/explainer/steered/attributes.h"
#include "services/explainer/steering/erasure.h"

namespace recsae::explainer {

// What Steer removes for an attribute's words.
struct RemovedLatents {
  // Those that match, where they are active: with MODE_DELTA.
  std::vector<int32_t> matching;
  // The group that matches best, of everyone alike, and what of it and of the attribute a probe
  // could read: with MODE_PROJECTION.
  std::vector<int32_t> group;
  Eraser eraser;
};

// Adds to `out` what a probe finds of an attribute, by label and by what was done before; nothing
// for labels that fewer than 20 rows have or have not. `baseline` [dim]: the mean over users.
absl::Status MeasureLeaks(const SteeringInputs& inputs, const DividedRows& rows,
                          const Attributes& attributes, int attribute,
                          const RemovedLatents& removed, const std::vector<float>& baseline,
                          uint64_t seed, sae::Alive alive, v1::AttributeSteering* out);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_LEAKS_H_
