// Small dense problems of linear algebra, in double.
#ifndef RECSAE_COMMON_MATH_LINEAR_H_
#define RECSAE_COMMON_MATH_LINEAR_H_

#include <span>
#include <vector>

namespace recsae::math {

// Of each column of `rows` [any, columns]; 0 where there are none.
std::vector<double> ColumnMeans(std::span<const float> rows, int columns);

// Sum over `rows` [any, n] of (x - centre)(x - centre)', [n, n], for a centre of n >= 1 values.
std::vector<double> Scatter(std::span<const float> rows, std::span<const double> centre);

// X [n, columns] with A X = B for a symmetric, positive A [n, n] and B [n, columns], all row-major.
// Where A is singular, some X that comes near.
std::vector<double> SolveSymmetric(std::span<const double> a, std::span<const double> b, int n,
                                   int columns);

// The eigenvectors of a symmetric A [n, n] as rows of length 1, that of the largest eigenvalue
// first. Takes some 10 n^3 operations.
std::vector<double> Eigenvectors(std::span<const double> a, int n);

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_LINEAR_H_
