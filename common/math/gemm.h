// The one place where the project multiplies dense float matrices.
#ifndef RECSAE_COMMON_MATH_GEMM_H_
#define RECSAE_COMMON_MATH_GEMM_H_

#include <cstdint>

namespace recsae::math {

enum class Transpose : char { kNo = 'N', kYes = 'T' };

// C = op(A) · op(B) + beta · C, all row-major without padding: op(A) is [m, k], op(B) is [k, n], C
// is [m, n]; with kYes the matrix in memory is the transpose of the operand. Runs on the calling
// thread alone. Thread-safe. For the same shapes, values and machine the result is the same to the
// bit. Throws std::bad_alloc where memory is short, std::runtime_error where sizes are negative.
void Sgemm(Transpose transpose_a, Transpose transpose_b, int64_t m, int64_t n, int64_t k,
           const float* a, const float* b, float beta, float* c);

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_GEMM_H_
