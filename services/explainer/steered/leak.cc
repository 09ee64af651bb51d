#include "services/explainer/steered/leak.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <unordered_map>

#include "common/math/linear.h"
#include "services/explainer/evidence/detection.h"

namespace recsae::explainer {
namespace {

constexpr size_t kBlocks = 100;
// Of the mean variance of a dimension.
constexpr double kRidge = 1e-3;

// The probe's weights [dim].
std::vector<double> FitProbe(const LabelledRows& train, size_t dim) {
  const std::vector<double> mean = math::ColumnMeans(train.activations, static_cast<int>(dim));
  std::vector<double> gram = math::Scatter(train.activations, mean);
  double trace = 0;
  for (size_t i = 0; i < dim; ++i) trace += gram[i * dim + i];
  for (size_t i = 0; i < dim; ++i) {
    gram[i * dim + i] += kRidge * trace / static_cast<double>(dim) + 1e-12;
  }
  std::vector<double> cross(dim);
  for (size_t row = 0; row < train.labels.size(); ++row) {
    for (size_t i = 0; i < dim && train.labels[row]; ++i) {
      cross[i] += train.activations[row * dim + i] - mean[i];
    }
  }
  return math::SolveSymmetric(gram, cross, static_cast<int>(dim), 1);
}

// Blocks of users by the order in which they come.
std::vector<size_t> BlocksOf(std::span<const int32_t> users, size_t& blocks) {
  std::unordered_map<int32_t, size_t> place;
  std::vector<size_t> block;
  block.reserve(users.size());
  for (const int32_t user : users) {
    block.push_back(place.emplace(user, place.size()).first->second % kBlocks);
  }
  blocks = std::min(kBlocks, place.size());
  return block;
}

}  // namespace

int64_t LabelledRows::Positives() const { return std::count(labels.begin(), labels.end(), true); }

Estimate ProbeAuc(const LabelledRows& train, const LabelledRows& test,
                  std::span<const int32_t> test_users, int dim) {
  const auto d = static_cast<size_t>(dim);
  const std::vector<double> weights = FitProbe(train, d);
  std::vector<double> scores;
  scores.reserve(test.labels.size());
  for (size_t row = 0; row < test.labels.size(); ++row) {
    scores.push_back(
        std::inner_product(weights.begin(), weights.end(),
                           test.activations.begin() + static_cast<std::ptrdiff_t>(row * d), 0.0));
  }
  size_t blocks = 0;
  const std::vector<size_t> block = BlocksOf(test_users, blocks);
  std::vector<double> without;
  for (size_t left_out = 0; left_out < blocks; ++left_out) {
    std::vector<double> kept;
    std::vector<bool> labels;
    for (size_t row = 0; row < scores.size(); ++row) {
      if (block[row] == left_out) continue;
      kept.push_back(scores[row]);
      labels.push_back(test.labels[row]);
    }
    without.push_back(RocAuc(kept, labels));
  }
  return JackknifeEstimate(RocAuc(scores, test.labels), without);
}

}  // namespace recsae::explainer
