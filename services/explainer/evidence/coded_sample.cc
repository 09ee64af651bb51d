#include "services/explainer/evidence/coded_sample.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/status.h"
#include "common/math/simd/kernels.h"
#include "common/sae/metrics.h"

namespace recsae::explainer {

absl::StatusOr<CodedSample> CodeSample(const Sample& sample, const Dictionary& dictionary,
                                       Alive alive) {
  CodedSample coded{&sample, {}};
  for (const Role role : {Role::kDescribe, Role::kThreshold, Role::kMeasure}) {
    const SampledRows& rows = sample.Of(role);
    RECSAE_ASSIGN_OR_RETURN(coded.codes[static_cast<size_t>(role)],
                            dictionary.Encode(rows.activations.data(), rows.rows(), alive));
  }
  return coded;
}

double Fvu(const CodedSample& coded, const Dictionary& dictionary) {
  const SampledRows& rows = coded.rows(Role::kMeasure);
  const auto dim = static_cast<size_t>(dictionary.dim());
  sae::MetricsAccumulator metrics(dictionary.dim(), dictionary.latents());
  std::vector<float> rebuilt(dim);
  for (int64_t row = 0; row < rows.rows(); ++row) {
    const std::span<const sae::LatentActivation> code = coded.of(Role::kMeasure).Row(row);
    std::copy(dictionary.offset().begin(), dictionary.offset().end(), rebuilt.begin());
    for (const auto& [latent, value] : code) {
      const float* direction = dictionary.decoder().data() + static_cast<size_t>(latent) * dim;
      math::AddScaled(value, direction, dictionary.dim(), rebuilt.data());
    }
    metrics.AddRow(rows.activations.data() + static_cast<size_t>(row) * dim, rebuilt.data(), code);
  }
  return metrics.Result().fvu;
}

int ActiveLatents(const CodedSample& coded, int latents) {
  std::vector<bool> active(static_cast<size_t>(latents));
  for (int64_t row = 0; row < coded.rows(Role::kMeasure).rows(); ++row) {
    for (const auto& [latent, value] : coded.of(Role::kMeasure).Row(row)) {
      if (value != 0) active[static_cast<size_t>(latent)] = true;
    }
  }
  return static_cast<int>(std::count(active.begin(), active.end(), true));
}

}  // namespace recsae::explainer
