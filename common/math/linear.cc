#include "common/math/linear.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cstddef>

namespace recsae::math {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Rows held in double at a time.
constexpr Eigen::Index kBlock = 256;

}  // namespace

std::vector<double> ColumnMeans(std::span<const float> rows, int columns) {
  const auto n = static_cast<size_t>(columns);
  std::vector<double> means(n);
  for (size_t i = 0; i < rows.size(); ++i) means[i % n] += rows[i];
  for (double& mean : means) mean /= static_cast<double>(std::max<size_t>(rows.size() / n, 1));
  return means;
}

std::vector<double> Scatter(std::span<const float> rows, std::span<const double> centre) {
  using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto n = static_cast<Eigen::Index>(centre.size());
  const Eigen::Map<const Floats> all(rows.data(), static_cast<Eigen::Index>(rows.size()) / n, n);
  const Eigen::Map<const Eigen::RowVectorXd> middle(centre.data(), n);
  RowMajor scatter = RowMajor::Zero(n, n);
  for (Eigen::Index begin = 0; begin < all.rows(); begin += kBlock) {
    const Eigen::Index count = std::min(kBlock, all.rows() - begin);
    const Eigen::MatrixXd block = all.middleRows(begin, count).cast<double>().rowwise() - middle;
    scatter.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
  }
  const RowMajor whole = scatter.selfadjointView<Eigen::Lower>();
  return {whole.data(), whole.data() + whole.size()};
}

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
