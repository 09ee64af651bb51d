// Eigen's product; compiled with -march=native, for Eigen does not choose at run time.
#include <Eigen/Core>

#include "benchmarks/sae/bare_sgemm.h"

namespace recsae::sae {

void EigenSgemm(const SgemmShape& shape, int64_t m, const float* rows, const float* encoder,
                float* out) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix> x(rows, m, shape.dim);
  const Eigen::Map<const Matrix> w(encoder, shape.latents, shape.dim);
  Eigen::Map<Matrix>(out, m, shape.latents).noalias() = x * w.transpose();
}

}  // namespace recsae::sae
