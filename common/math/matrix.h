// Row-major float matrices: the other way round, and the lengths of their rows.
#ifndef RECSAE_COMMON_MATH_MATRIX_H_
#define RECSAE_COMMON_MATH_MATRIX_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace recsae::math {

// matrix [rows, cols] as [cols, rows].
inline std::vector<float> Transposed(std::span<const float> matrix, int64_t rows, int64_t cols) {
  std::vector<float> transposed(matrix.size());
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) transposed[j * rows + i] = matrix[i * cols + j];
  }
  return transposed;
}

// ‖row‖ of each row of matrix [n, cols], summed in double.
inline std::vector<double> RowNorms(std::span<const float> matrix, int cols) {
  std::vector<double> norms;
  for (size_t begin = 0; begin < matrix.size(); begin += static_cast<size_t>(cols)) {
    double squared = 0.0;
    for (int i = 0; i < cols; ++i) squared += double{matrix[begin + i]} * matrix[begin + i];
    norms.push_back(std::sqrt(squared));
  }
  return norms;
}

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_MATRIX_H_
