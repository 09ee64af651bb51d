#include "services/explainer/steered/list_moments.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>

#include "common/base/status.h"
#include "common/math/linear.h"
#include "common/ranking/ranking.h"

namespace recsae::explainer {
namespace {

constexpr int kTemperatureSteps = 30;
constexpr int kItemsBetweenChecks = 64;
constexpr int64_t kTemperatureRows = 50;
// An attribute whose chance is smaller has nothing that could come up in this row.
constexpr double kLeastChance = 1e-12;

// Scores of a row's items, -infinity for those that are never recommended.
std::vector<float> ScoresOf(const PredictionHead& head, const SteeredRows& rows, int64_t row) {
  std::vector<float> scores(static_cast<size_t>(head.items()));
  const std::span<const float> x = rows.Row(row);
  ScoreItems({x.data(), x.size()}, head, absl::MakeSpan(scores));
  for (const int32_t item : rows.cases[static_cast<size_t>(row)].excluded) {
    scores[static_cast<size_t>(item)] = -std::numeric_limits<float>::infinity();
  }
  return scores;
}

std::vector<double> Chances(const std::vector<float>& scores, double temperature) {
  const float best = *std::max_element(scores.begin(), scores.end());
  std::vector<double> chances(scores.size());
  double sum = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    chances[i] = std::exp((scores[i] - best) / temperature);
    sum += chances[i];
  }
  for (double& chance : chances) chance /= sum;
  return chances;
}

double MassOfTen(std::vector<double> chances) {
  const size_t ten = std::min<size_t>(10, chances.size());
  std::partial_sort(chances.begin(), chances.begin() + static_cast<std::ptrdiff_t>(ten),
                    chances.end(), std::greater<>());
  double mass = 0;
  for (size_t i = 0; i < ten; ++i) mass += chances[i];
  return mass;
}

// The temperature at which the first ten have kShownMass; of a small catalogue, halfway between
// what they have of even chances and all.
double FindTemperature(const PredictionHead& head, const SteeredRows& rows) {
  std::vector<std::vector<float>> scores;
  for (int64_t row = 0; row < std::min(rows.rows(), kTemperatureRows); ++row) {
    scores.push_back(ScoresOf(head, rows, row));
  }
  const double even = std::min(1.0, 10.0 / std::max(1, head.items()));
  const double wanted = std::max(kShownMass, (1 + even) / 2 * (even > kShownMass / 2 ? 1 : 0));
  double low = std::log(1e-4);
  double high = std::log(1e4);
  for (int step = 0; step < kTemperatureSteps; ++step) {
    const double middle = (low + high) / 2;
    double mass = 0;
    for (const auto& of_row : scores) mass += MassOfTen(Chances(of_row, std::exp(middle)));
    (mass / static_cast<double>(scores.size()) > wanted ? low : high) = middle;
  }
  return std::exp((low + high) / 2);
}

void AddScaled(absl::Span<const float> vector, double by, std::vector<double>& sum) {
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += by * vector[i];
}

// E[v | attribute]; false where the attribute has no chance.
bool MeanGiven(const PredictionHead& head, const std::vector<double>& chances,
               const std::vector<int32_t>& items, std::vector<double>& mean) {
  double chance = 0;
  mean.assign(static_cast<size_t>(head.dim), 0.0);
  for (const int32_t item : items) {
    const double p = chances[static_cast<size_t>(item)];
    if (p == 0) continue;
    chance += p;
    AddScaled(head.Vector(item), p, mean);
  }
  if (chance < kLeastChance) return false;
  for (double& value : mean) value /= chance;
  return true;
}

void AddOuter(std::span<const double> v, double by, std::vector<double>& matrix) {
  const size_t dim = v.size();
  for (size_t a = 0; a < dim; ++a) {
    for (size_t b = 0; b < dim; ++b) matrix[a * dim + b] += by * v[a] * v[b];
  }
}

ListMoments Empty(int dim, size_t attributes) {
  const auto d = static_cast<size_t>(dim);
  return {dim, std::vector<std::vector<double>>(attributes, std::vector<double>(d)),
          std::vector<double>(d * d)};
}

}  // namespace

absl::StatusOr<ListMoments> MomentsOfScores(const PredictionHead& head, const SteeredRows& rows,
                                            const Attributes& attributes,
                                            std::span<const int32_t> chosen, sae::Alive alive) {
  ListMoments moments = Empty(head.dim, chosen.size());
  const int64_t count = std::min(rows.rows(), kMomentRows);
  if (count == 0) return moments;
  const double temperature = FindTemperature(head, rows);
  const double share = 1 / static_cast<double>(count);
  // Of E[vv'] only the mean chance of each item is needed.
  std::vector<double> mean_chances(static_cast<size_t>(head.items()));
  std::vector<double> given;
  for (int64_t row = 0; row < count; ++row) {
    RECSAE_RETURN_IF_ERROR(alive());
    const std::vector<double> chances = Chances(ScoresOf(head, rows, row), temperature);
    std::vector<double> mean(static_cast<size_t>(head.dim));
    for (int item = 0; item < head.items(); ++item) {
      const double p = chances[static_cast<size_t>(item)];
      mean_chances[static_cast<size_t>(item)] += share * p;
      if (p > 0) AddScaled(head.Vector(item), p, mean);
    }
    AddOuter(mean, -share, moments.disturbance);
    for (size_t a = 0; a < chosen.size(); ++a) {
      if (!MeanGiven(head, chances, attributes.ItemsWith(chosen[a]), given)) continue;
      for (size_t i = 0; i < given.size(); ++i) {
        moments.towards[a][i] += share * (given[i] - mean[i]);
      }
    }
  }
  for (int item = 0; item < head.items(); ++item) {
    if (item % kItemsBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    const absl::Span<const float> v = head.Vector(item);
    const std::vector<double> wide(v.begin(), v.end());
    AddOuter(wide, mean_chances[static_cast<size_t>(item)], moments.disturbance);
  }
  return moments;
}

absl::StatusOr<ListMoments> MomentsOfActivations(const SteeredRows& rows,
                                                 const Attributes& attributes,
                                                 std::span<const int32_t> chosen,
                                                 sae::Alive alive) {
  ListMoments moments = Empty(rows.dim, chosen.size());
  if (rows.rows() == 0) return moments;
  const double share = 1 / static_cast<double>(rows.rows());
  const std::vector<double> mean = math::ColumnMeans(rows.activations, rows.dim);
  for (int64_t row = 0; row < rows.rows(); ++row) {
    if (row % kItemsBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    std::vector<double> centred(mean);
    const std::span<const float> x = rows.Row(row);
    for (size_t i = 0; i < centred.size(); ++i) centred[i] = x[i] - mean[i];
    AddOuter(centred, share, moments.disturbance);
    for (size_t a = 0; a < chosen.size(); ++a) {
      const double has = attributes.ShareOf(rows.cases[static_cast<size_t>(row)].ranked, chosen[a]);
      for (size_t i = 0; i < centred.size() && has > 0; ++i) {
        moments.towards[a][i] += share * has * centred[i];
      }
    }
  }
  return moments;
}

}  // namespace recsae::explainer
