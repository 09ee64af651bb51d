// How well an SAE describes a data set: the one place where these numbers are defined.
#ifndef RECSAE_COMMON_SAE_METRICS_H_
#define RECSAE_COMMON_SAE_METRICS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "common/sae/codes.h"
#include "common/sae/model.h"

namespace recsae::sae {

struct ReconstructionMetrics {
  int64_t rows = 0;  // a row counts as often as its weight says
  // Fraction of variance unexplained: mean ‖x − x̂‖² / variance, where variance is the mean of
  // ‖x − mean x‖² over the same rows. 0 is perfect; reconstructing every row by the mean gives 1.
  double fvu = 0.0;
  // 1 − (variance of x − x̂) / variance of x. Differs from 1 − fvu by a constant offset of x̂, which
  // it forgives.
  double explained_variance = 0.0;
  // Mean over the rows of ⟨x, x̂⟩ / (‖x‖ ‖x̂‖), about 0 and not about the mean: 1 says that every x̂
  // points where x does, whatever its length. A row where one of them is 0 counts 0, 1 where both
  // are.
  double cosine = 0.0;
  // Mean number of active latents per row.
  double l0 = 0.0;
  // Share of the latents that are active in none of the rows.
  double dead_fraction = 0.0;
};

// Mean and total variance of rows, in one pass. Sums are in double about the first row, so that a
// large common offset costs no precision. A row of weight w >= 0 counts as w rows that are the
// same.
class VarianceAccumulator {
 public:
  explicit VarianceAccumulator(int dim);
  void Add(const float* row, double weight = 1.0);
  // Sum of the weights.
  double rows() const { return rows_; }
  std::vector<double> Mean() const;
  // Mean of ‖x − mean‖² (divided by n); 0 without rows.
  double Variance() const;

 private:
  double rows_ = 0.0;
  bool empty_ = true;
  std::vector<double> shift_;
  std::vector<double> sum_;
  double squared_ = 0.0;
};

// Gathers ReconstructionMetrics over a stream of rows. Not thread-safe.
class MetricsAccumulator {
 public:
  MetricsAccumulator(int dim, int latents);

  // One row x [dim], its reconstruction [dim] and its code, as `weight` rows that are the same.
  void AddRow(const float* x, const float* reconstruction, std::span<const LatentActivation> code,
              double weight = 1.0);

  // Encodes and decodes rows [n, dim] with the model and adds them, with `weights` [n] or, where
  // that is null, once each. `alive` as SaeModel::EncodeBatch; where it has ended the work, some
  // rows were added and others were not.
  void Add(const SaeModel& model, const float* rows, int64_t n);
  absl::Status Add(const SaeModel& model, const float* rows, int64_t n, Alive alive,
                   const float* weights = nullptr);

  // Of what was added so far. Without variance fvu is 0 for a perfect reconstruction, else
  // infinite; explained_variance likewise 1 or minus infinity.
  ReconstructionMetrics Result() const;

 private:
  int dim_;
  VarianceAccumulator data_;
  VarianceAccumulator residual_;
  double squared_error_ = 0.0;
  double cosine_ = 0.0;
  double active_ = 0.0;
  std::vector<char> fired_;
  std::vector<float> difference_;
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_METRICS_H_
