#include "services/explainer/evidence/attribute_probes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/math/linear.h"
#include "common/math/simd/kernels.h"
#include "services/explainer/evidence/detection.h"

namespace recsae::explainer {
namespace {

using math::Transpose;

constexpr int64_t kBlockRows = 512;
// Of the mean variance of a dimension, so that directions without variance get no weight.
constexpr double kRidge = 1e-3;

// For each attribute, the rows whose first recommended item has it.
std::vector<std::vector<int32_t>> FindRowsWith(const SampledRows& rows, const ItemSets& sets,
                                               std::span<const int32_t> attributes) {
  std::vector<int32_t> place(static_cast<size_t>(sets.size()), -1);
  for (size_t a = 0; a < attributes.size(); ++a) {
    place[static_cast<size_t>(attributes[a])] = static_cast<int32_t>(a);
  }
  std::vector<std::vector<int32_t>> found(attributes.size());
  for (int64_t row = 0; row < rows.rows(); ++row) {
    for (const int32_t set : sets.Of(rows.cases[static_cast<size_t>(row)].ranked[0])) {
      const int32_t a = place[static_cast<size_t>(set)];
      if (a >= 0) found[static_cast<size_t>(a)].push_back(static_cast<int32_t>(row));
    }
  }
  return found;
}

// Keeps the attributes that enough rows of each role have and have not.
void KeepFrequent(const Sample& sample, AttributeProbes& probes) {
  size_t kept = 0;
  for (size_t a = 0; a < probes.sets.size(); ++a) {
    bool enough = true;
    for (int r = 0; r < kRoles; ++r) {
      const auto have = static_cast<int64_t>(probes.rows_with[static_cast<size_t>(r)][a].size());
      const int64_t all = sample.Of(static_cast<Role>(r)).rows();
      enough = enough && std::min(have, all - have) >= kFewestWithAttribute;
    }
    if (!enough) continue;
    probes.sets[kept] = probes.sets[a];
    for (auto& rows : probes.rows_with) std::swap(rows[kept], rows[a]);
    ++kept;
  }
  probes.sets.resize(kept);
  for (auto& rows : probes.rows_with) rows.resize(kept);
}

// Rows [begin, begin + count) less the mean.
std::vector<float> CentredBlock(const SampledRows& rows, std::span<const float> mean, int64_t begin,
                                int64_t count) {
  const size_t dim = mean.size();
  const auto from = rows.activations.begin() +
                    static_cast<std::ptrdiff_t>(begin) * static_cast<std::ptrdiff_t>(dim);
  std::vector<float> block(
      from, from + static_cast<std::ptrdiff_t>(count) * static_cast<std::ptrdiff_t>(dim));
  for (size_t i = 0; i < block.size(); ++i) block[i] -= mean[i % dim];
  return block;
}

// Sum over rows of (x - mean)(x - mean)', [dim, dim], with the ridge.
absl::StatusOr<std::vector<double>> Scatter(const SampledRows& rows, std::span<const float> mean,
                                            Alive alive) {
  const auto dim = static_cast<int64_t>(mean.size());
  std::vector<float> sum(mean.size() * mean.size());
  for (int64_t begin = 0; begin < rows.rows(); begin += kBlockRows) {
    RECSAE_RETURN_IF_ERROR(alive());
    const int64_t count = std::min(kBlockRows, rows.rows() - begin);
    const std::vector<float> block = CentredBlock(rows, mean, begin, count);
    math::Sgemm(Transpose::kYes, Transpose::kNo, dim, dim, count, block.data(), block.data(), 1.0f,
                sum.data());
  }
  std::vector<double> scatter(sum.begin(), sum.end());
  double trace = 0;
  for (size_t i = 0; i < mean.size(); ++i) trace += scatter[i * mean.size() + i];
  const double ridge = kRidge * trace / static_cast<double>(dim) + 1e-12;
  for (size_t i = 0; i < mean.size(); ++i) scatter[i * mean.size() + i] += ridge;
  return scatter;
}

// Sum over the rows with each attribute of x - mean, [dim, attributes]: that of its products with
// "has it", of which the mean makes no difference.
std::vector<double> Cross(const SampledRows& rows, std::span<const float> mean,
                          const std::vector<std::vector<int32_t>>& rows_with) {
  std::vector<double> cross(mean.size() * rows_with.size());
  for (size_t a = 0; a < rows_with.size(); ++a) {
    for (const int32_t row : rows_with[a]) {
      const float* x = rows.activations.data() + static_cast<size_t>(row) * mean.size();
      for (size_t d = 0; d < mean.size(); ++d) {
        cross[d * rows_with.size() + a] += double{x[d]} - mean[d];
      }
    }
  }
  return cross;
}

// [rows, attributes].
absl::StatusOr<std::vector<float>> Project(const SampledRows& rows, std::span<const float> mean,
                                           const AttributeProbes& probes, Alive alive) {
  const int64_t attributes = probes.attributes();
  std::vector<float> projections(static_cast<size_t>(rows.rows() * attributes));
  for (int64_t begin = 0; begin < rows.rows(); begin += kBlockRows) {
    RECSAE_RETURN_IF_ERROR(alive());
    const int64_t count = std::min(kBlockRows, rows.rows() - begin);
    const std::vector<float> block = CentredBlock(rows, mean, begin, count);
    math::Sgemm(Transpose::kNo, Transpose::kYes, count, attributes,
                static_cast<int64_t>(mean.size()), block.data(), probes.directions.data(), 0.0f,
                projections.data() + begin * attributes);
  }
  return projections;
}

double ThresholdOf(const AttributeProbes& probes, std::span<const float> projections,
                   int attribute) {
  const size_t attributes = probes.sets.size();
  std::vector<double> scores;
  for (size_t i = static_cast<size_t>(attribute); i < projections.size(); i += attributes) {
    scores.push_back(projections[i]);
  }
  std::vector<bool> has(scores.size());
  for (const int32_t row : probes.RowsWith(Role::kThreshold, attribute)) {
    has[static_cast<size_t>(row)] = true;
  }
  return BestThreshold(scores, has);
}

}  // namespace

std::vector<int32_t> AttributeProbes::ToldRows(int attribute) const {
  std::vector<int32_t> told;
  for (const int32_t row : RowsWith(Role::kMeasure, attribute)) {
    const double projection = Projection(row, attribute);
    if (projection > 0 && projection >= thresholds[static_cast<size_t>(attribute)]) {
      told.push_back(row);
    }
  }
  return told;
}

absl::StatusOr<AttributeProbes> FitAttributeProbes(const Sample& sample, const ItemSets& sets,
                                                   std::span<const int32_t> attributes,
                                                   Alive alive) {
  AttributeProbes probes;
  if (sample.dim() > kLargestProbed) return probes;
  probes.sets.assign(attributes.begin(), attributes.end());
  for (int r = 0; r < kRoles; ++r) {
    probes.rows_with[static_cast<size_t>(r)] =
        FindRowsWith(sample.Of(static_cast<Role>(r)), sets, attributes);
  }
  KeepFrequent(sample, probes);
  if (probes.sets.empty()) return probes;

  const SampledRows& rows = sample.Of(Role::kDescribe);
  const std::vector<float> mean = MeanOf(rows.activations, sample.dim());
  RECSAE_ASSIGN_OR_RETURN(const std::vector<double> scatter, Scatter(rows, mean, alive));
  const std::vector<double> weights = math::SolveSymmetric(
      scatter, Cross(rows, mean, probes.rows_with[static_cast<size_t>(Role::kDescribe)]),
      sample.dim(), probes.attributes());
  for (size_t a = 0; a < probes.sets.size(); ++a) {
    for (size_t d = 0; d < mean.size(); ++d) {
      probes.directions.push_back(static_cast<float>(weights[d * probes.sets.size() + a]));
    }
  }
  math::NormaliseRows(probes.directions.data(), probes.attributes(), sample.dim());
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> to_set,
                          Project(sample.Of(Role::kThreshold), mean, probes, alive));
  for (int a = 0; a < probes.attributes(); ++a) {
    probes.thresholds.push_back(ThresholdOf(probes, to_set, a));
  }
  RECSAE_ASSIGN_OR_RETURN(probes.projections,
                          Project(sample.Of(Role::kMeasure), mean, probes, alive));
  return probes;
}

}  // namespace recsae::explainer
