#include "common/math/linear.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>

namespace recsae::math {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

std::vector<double> SolveSymmetric(std::span<const double> a, std::span<const double> b, int n,
                                   int columns) {
  const Eigen::Map<const RowMajor> left(a.data(), n, n);
  const Eigen::Map<const RowMajor> right(b.data(), n, columns);
  const RowMajor solved = Eigen::LDLT<Eigen::MatrixXd>(left).solve(right);
  return {solved.data(), solved.data() + solved.size()};
}

std::vector<double> Eigenvectors(std::span<const double> a, int n) {
  const Eigen::Map<const RowMajor> symmetric(a.data(), n, n);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric);
  const RowMajor rows = solver.eigenvectors().transpose().colwise().reverse();
  return {rows.data(), rows.data() + rows.size()};
}

}  // namespace recsae::math
