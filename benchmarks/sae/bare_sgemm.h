// The product that the encoder cannot do without, by every BLAS at hand: what the training step and
// encoding are measured against.
#ifndef RECSAE_BENCHMARKS_SAE_BARE_SGEMM_H_
#define RECSAE_BENCHMARKS_SAE_BARE_SGEMM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/math/worker_pool.h"

namespace recsae::sae {

// out = rows · encoderᵀ, [m, F], from rows [m, d]; on the calling thread alone. The encoder is
// given both ways, as [F, d] and as [d, F]; each kernel reads one of them.
struct SgemmShape {
  int64_t latents = 0;
  int64_t dim = 0;
};
using SgemmKernel = std::function<void(const SgemmShape& shape, int64_t m, const float* rows,
                                       const float* encoder, const float* columns, float* out)>;

// Eigen's, compiled for this machine.
void EigenSgemm(const SgemmShape& shape, int64_t m, const float* rows, const float* encoder,
                float* out);

// The product at one shape with the fastest of the kernels: oneDNN, Eigen, and OpenBLAS where it is
// installed, each with the encoder both ways. Not thread-safe.
class BareSgemm {
 public:
  // Tries them all on rows [n, d]; rows are split evenly over the threads. The encoder is random.
  BareSgemm(const SgemmShape& shape, int64_t n, int threads);

  // out [n, F] stays inside.
  void Run(const float* rows);

  const std::string& name() const { return name_; }
  // Least seconds of each that was tried, by name.
  const std::map<std::string, double>& tried() const { return tried_; }
  double flops() const {
    return 2.0 * static_cast<double>(n_) * static_cast<double>(shape_.latents * shape_.dim);
  }

 private:
  void Run(const SgemmKernel& kernel, const float* rows);

  SgemmShape shape_;
  int64_t n_;
  math::WorkerPool pool_;
  std::vector<float> encoder_, columns_, out_;
  std::string name_;
  std::map<std::string, double> tried_;
  SgemmKernel kernel_;
};

}  // namespace recsae::sae

#endif  // RECSAE_BENCHMARKS_SAE_BARE_SGEMM_H_
