// Whether a linear probe finds in activations what was to be removed from them.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERED_LEAK_H_
#define RECSAE_SERVICES_EXPLAINER_STEERED_LEAK_H_

#include <cstdint>
#include <span>
#include <vector>

#include "services/explainer/steered/estimates.h"

namespace recsae::explainer {

// Activations [rows, dim] with what is to be told of each row.
struct LabelledRows {
  std::span<const float> activations;
  std::vector<bool> labels;

  int64_t Positives() const;
};

// A linear probe is as wide as the activation.
inline constexpr int kLargestLeakProbe = 2048;
inline constexpr int64_t kFewestLabelled = 20;

// Area under the ROC curve on `test` of a linear probe fitted to `train`: least squares of the
// label with a little ridge (linear discriminant analysis). Ties count half. `test_users` [test
// rows]; the interval leaves out blocks of users, 100 at most. Both sets have rows with the label
// and without. Thread-safe.
Estimate ProbeAuc(const LabelledRows& train, const LabelledRows& test,
                  std::span<const int32_t> test_users, int dim);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERED_LEAK_H_
