// Sgemm over oneDNN.
#include "common/math/gemm.h"

#include <dnnl.h>
#include <omp.h>

#include <new>
#include <stdexcept>
#include <string>

namespace recsae::math {
namespace {

// oneDNN would spread one product over all cores. Here a batch is split over threads instead, so
// each call stays on its own; the setting belongs to the calling thread and is put back.
class OneOmpThread {
 public:
  OneOmpThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneOmpThread() { omp_set_num_threads(before_); }
  OneOmpThread(const OneOmpThread&) = delete;
  OneOmpThread& operator=(const OneOmpThread&) = delete;

 private:
  const int before_;
};

}  // namespace

void Sgemm(Transpose transpose_a, Transpose transpose_b, int64_t m, int64_t n, int64_t k,
           const float* a, const float* b, float beta, float* c) {
  if (m == 0 || n == 0) return;
  const int64_t lda = transpose_a == Transpose::kNo ? k : m;
  const int64_t ldb = transpose_b == Transpose::kNo ? n : k;
  const OneOmpThread one_thread;
  const dnnl_status_t status =
      dnnl_sgemm(static_cast<char>(transpose_a), static_cast<char>(transpose_b), m, n, k, 1.0f, a,
                 lda, b, ldb, beta, c, n);
  // Lack of memory, or arguments that no matrix has; there is no result to go on with.
  if (status == dnnl_out_of_memory) throw std::bad_alloc();
  if (status != dnnl_success) {
    throw std::runtime_error("dnnl_sgemm failed with status " + std::to_string(status));
  }
}

}  // namespace recsae::math
