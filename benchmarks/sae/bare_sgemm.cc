// The kernels, and the choice among them.
#include "benchmarks/sae/bare_sgemm.h"

#include <dlfcn.h>
#include <omp.h>

#include <cstdlib>
#include <utility>

#include "benchmarks/sae/interleaved.h"
#include "common/math/gemm.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

struct NamedKernel {
  std::string name;
  SgemmKernel kernel;
};

// cblas.h and its constants, so that the program builds where OpenBLAS is not installed.
using CblasSgemm = void (*)(int order, int transpose_a, int transpose_b, int m, int n, int k,
                            float alpha, const float* a, int lda, const float* b, int ldb,
                            float beta, float* c, int ldc);
constexpr int kRowMajor = 101;
constexpr int kNoTranspose = 111;
constexpr int kTransposed = 112;

// Null where OpenBLAS is not installed.
CblasSgemm LoadOpenBlas() {
#if defined(__x86_64__)
  // Up to 0.3.21 it takes its SSE3 kernels on processors that came after it.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
    setenv("OPENBLAS_CORETYPE", "SkylakeX", /*overwrite=*/0);
  } else if (__builtin_cpu_supports("avx2")) {
    setenv("OPENBLAS_CORETYPE", "Haswell", /*overwrite=*/0);
  }
#endif
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  return reinterpret_cast<CblasSgemm>(dlsym(library, "cblas_sgemm"));
}

std::vector<NamedKernel> Kernels() {
  std::vector<NamedKernel> kernels = {
      {"oneDNN, encoder [F, d]",
       [](const SgemmShape& shape, int64_t m, const float* rows, const float* encoder, const float*,
          float* out) {
         math::Sgemm(math::Transpose::kNo, math::Transpose::kYes, m, shape.latents, shape.dim, rows,
                     encoder, 0.0f, out);
       }},
      {"oneDNN, encoder [d, F]",
       [](const SgemmShape& shape, int64_t m, const float* rows, const float*, const float* columns,
          float* out) {
         math::Sgemm(math::Transpose::kNo, math::Transpose::kNo, m, shape.latents, shape.dim, rows,
                     columns, 0.0f, out);
       }},
      {"Eigen", [](const SgemmShape& shape, int64_t m, const float* rows, const float* encoder,
                   const float*, float* out) { EigenSgemm(shape, m, rows, encoder, out); }}};
  const CblasSgemm cblas_sgemm = LoadOpenBlas();
  if (cblas_sgemm == nullptr) return kernels;
  for (const bool transposed : {true, false}) {
    kernels.push_back({transposed ? "OpenBLAS, encoder [F, d]" : "OpenBLAS, encoder [d, F]",
                       [=](const SgemmShape& shape, int64_t m, const float* rows,
                           const float* encoder, const float* columns, float* out) {
                         omp_set_num_threads(1);  // of the calling thread, which OpenBLAS goes by
                         const auto n = static_cast<int>(shape.latents);
                         const auto k = static_cast<int>(shape.dim);
                         cblas_sgemm(kRowMajor, kNoTranspose,
                                     transposed ? kTransposed : kNoTranspose, static_cast<int>(m),
                                     n, k, 1.0f, rows, k, transposed ? encoder : columns,
                                     transposed ? k : n, 0.0f, out, n);
                       }});
  }
  return kernels;
}

}  // namespace

BareSgemm::BareSgemm(const SgemmShape& shape, int64_t n, int threads)
    : shape_(shape),
      n_(n),
      pool_(threads),
      encoder_(RandomValues(shape.latents * shape.dim, 1)),
      columns_(RandomValues(shape.latents * shape.dim, 2)),
      out_(static_cast<size_t>(n * shape.latents)) {
  const std::vector<float> rows = RandomValues(n * shape.dim, 3);
  const std::vector<NamedKernel> kernels = Kernels();
  std::vector<Work> works;
  for (const NamedKernel& kernel : kernels) {
    works.push_back([&, this] { Run(kernel.kernel, rows.data()); });
  }
  // The best times, for the choice is not to hang on who else was busy.
  const std::vector<Timing> timings = TimeInterleaved(works, /*seconds=*/1.0);
  size_t best = 0;
  for (size_t i = 0; i < kernels.size(); ++i) {
    tried_[kernels[i].name] = timings[i].best;
    if (timings[i].best < timings[best].best) best = i;
  }
  name_ = kernels[best].name;
  kernel_ = kernels[best].kernel;
}

void BareSgemm::Run(const float* rows) { Run(kernel_, rows); }

void BareSgemm::Run(const SgemmKernel& kernel, const float* rows) {
  const int threads = pool_.threads();
  pool_.Run(threads, [&](int part, int) {
    const int64_t begin = n_ * part / threads;
    const int64_t end = n_ * (part + 1) / threads;
    kernel(shape_, end - begin, rows + begin * shape_.dim, encoder_.data(), columns_.data(),
           out_.data() + begin * shape_.latents);
  });
}

}  // namespace recsae::sae
