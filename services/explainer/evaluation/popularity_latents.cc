#include "services/explainer/evaluation/popularity_latents.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

#include "common/base/random.h"
#include "common/base/status.h"

namespace recsae::explainer {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
// Of the rows, at each end.
constexpr double kProfileShare = 0.1;

double MeanOver(const std::vector<int32_t>& items, absl::Span<const double> popularity) {
  if (items.empty()) return kUnknown;
  double sum = 0;
  for (const int32_t item : items) sum += popularity[item];
  return sum / static_cast<double>(items.size());
}

std::vector<double> MeanOverEach(const std::vector<std::vector<int32_t>>& lists,
                                 absl::Span<const double> popularity) {
  std::vector<double> means;
  means.reserve(lists.size());
  for (const auto& list : lists) means.push_back(MeanOver(list, popularity));
  return means;
}

// Correlation of each latent with `values` over the rows that have one.
std::vector<double> Correlations(const std::vector<LatentCode>& codes,
                                 const std::vector<double>& values, int latents) {
  std::vector<double> sum(latents), squares(latents), products(latents), correlations(latents);
  double count = 0, value_sum = 0, value_squares = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    ++count;
    value_sum += value;
  }
  const double mean = count > 0 ? value_sum / count : 0;
  for (size_t row = 0; row < codes.size(); ++row) {
    if (std::isnan(values[row])) continue;
    const double value = values[row] - mean;
    value_squares += value * value;
    for (const sae::LatentActivation& active : codes[row]) {
      const double z = active.value;
      sum[active.latent] += z;
      squares[active.latent] += z * z;
      products[active.latent] += z * value;
    }
  }
  for (int latent = 0; latent < latents; ++latent) {
    const double variance = squares[latent] - sum[latent] * sum[latent] / std::max(count, 1.0);
    const double scale = std::sqrt(std::max(variance, 0.0) * value_squares);
    correlations[latent] = scale > 0 ? products[latent] / scale : 0;
  }
  return correlations;
}

struct Moments {
  std::vector<double> mean;
  std::vector<double> variance;
};

Moments MomentsOf(absl::Span<const LatentCode* const> codes, int latents) {
  Moments moments = {std::vector<double>(latents), std::vector<double>(latents)};
  for (const LatentCode* code : codes) {
    for (const sae::LatentActivation& active : *code) {
      const double z = active.value;
      moments.mean[active.latent] += z;
      moments.variance[active.latent] += z * z;
    }
  }
  const double count = std::max<double>(1, static_cast<double>(codes.size()));
  for (int latent = 0; latent < latents; ++latent) {
    double& mean = moments.mean[latent];
    mean /= count;
    moments.variance[latent] = std::max(0.0, moments.variance[latent] / count - mean * mean);
  }
  return moments;
}

using CodePointers = std::vector<const LatentCode*>;

CodePointers PointersTo(const std::vector<LatentCode>& codes) {
  CodePointers pointers;
  for (const LatentCode& code : codes) pointers.push_back(&code);
  return pointers;
}

// The codes of the rows with the highest and the lowest values.
struct Ends {
  CodePointers high;
  CodePointers low;
};

Ends EndsOf(const std::vector<LatentCode>& codes, const std::vector<double>& values) {
  std::vector<size_t> order;
  for (size_t row = 0; row < codes.size(); ++row) {
    if (!std::isnan(values[row])) order.push_back(row);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return values[a] > values[b]; });
  const auto count = static_cast<size_t>(kProfileShare * static_cast<double>(order.size()));
  Ends ends;
  for (size_t i = 0; i < count; ++i) {
    ends.high.push_back(&codes[order[i]]);
    ends.low.push_back(&codes[order[order.size() - 1 - i]]);
  }
  return ends;
}

double Largest(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

// The value that 95 % of the others stay at or below.
double Bound95(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto place = static_cast<size_t>(std::ceil(0.95 * static_cast<double>(values.size())));
  return values[std::max<size_t>(place, 1) - 1];
}

}  // namespace

std::vector<double> CohensD(absl::Span<const LatentCode* const> high,
                            absl::Span<const LatentCode* const> low, int latents) {
  const Moments above = MomentsOf(high, latents);
  const Moments below = MomentsOf(low, latents);
  std::vector<double> effects(latents);
  for (int latent = 0; latent < latents; ++latent) {
    const double deviation = std::sqrt((above.variance[latent] + below.variance[latent]) / 2);
    if (deviation > 0) effects[latent] = (above.mean[latent] - below.mean[latent]) / deviation;
  }
  return effects;
}

absl::StatusOr<PopularityLatentsResult> FindPopularityLatents(
    const PopularityRows& rows, const PopularityProfiles& profiles,
    absl::Span<const int64_t> counts, int latents, uint64_t seed,
    absl::FunctionRef<absl::Status()> alive) {
  std::vector<double> popularity;
  popularity.reserve(counts.size());
  for (const int64_t count : counts) popularity.push_back(std::log1p(static_cast<double>(count)));

  PopularityLatentsResult result;
  const std::vector<double> recommended =
      Correlations(rows.codes, MeanOverEach(rows.recommended, popularity), latents);
  const std::vector<double> read_means = MeanOverEach(rows.read, popularity);
  const std::vector<double> read = Correlations(rows.codes, read_means, latents);
  result.made_up = !profiles.popular.empty() && !profiles.unpopular.empty();
  const Ends ends = result.made_up
                        ? Ends{PointersTo(profiles.popular), PointersTo(profiles.unpopular)}
                        : EndsOf(rows.codes, read_means);
  result.profiles = static_cast<int64_t>(ends.high.size());
  const std::vector<double> effects = CohensD(ends.high, ends.low, latents);

  std::vector<int32_t> order(latents);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return std::abs(recommended[a]) > std::abs(recommended[b]);
  });
  order.resize(std::min<size_t>(order.size(), kShownLatents));
  for (const int32_t latent : order) {
    result.latents.push_back({latent, recommended[latent], read[latent], effects[latent]});
  }

  std::vector<double> correlations, shuffled_effects;
  Random random(seed);
  for (int draw = 0; draw < kPopularityShuffles; ++draw) {
    RECSAE_RETURN_IF_ERROR(alive());
    random.Shuffle(&popularity);
    correlations.push_back(
        Largest(Correlations(rows.codes, MeanOverEach(rows.recommended, popularity), latents)));
    const Ends dealt = EndsOf(rows.codes, MeanOverEach(rows.read, popularity));
    shuffled_effects.push_back(Largest(CohensD(dealt.high, dealt.low, latents)));
  }
  result.shuffled_correlation = Bound95(std::move(correlations));
  result.shuffled_effect = Bound95(std::move(shuffled_effects));
  return result;
}

}  // namespace recsae::explainer
