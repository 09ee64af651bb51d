#include "services/explainer/evidence/described.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "common/base/status.h"
#include "common/math/gemm.h"

namespace recsae::explainer {
namespace {

using math::Transpose;

constexpr int64_t kRowsBetweenChecks = 64;
constexpr int32_t kFewestRows = 20;
// Of what the best set reaches: enough for one of fewer terms.
constexpr double kNearlyAsGood = 0.9;
constexpr std::array<int, 3> kGroups = {1, 3, 5};
constexpr size_t kAll = 3;  // place in DescribedR2

// Vectors of some items, [items, dim].
std::vector<float> VectorsOf(const PredictionHead& head, std::span<const int32_t> items) {
  std::vector<float> vectors;
  vectors.reserve(items.size() * static_cast<size_t>(head.dim));
  for (const int32_t item : items) {
    const absl::Span<const float> vector = head.Vector(item);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  return vectors;
}

// What one unit of each latent adds to the score of each item, [latents, items], and the sum of its
// amounts over them.
struct Effects {
  size_t items = 0;
  std::vector<float> of;
  std::vector<float> weight;
};

Effects EffectsOn(const Dictionary& dictionary, std::span<const float> vectors) {
  Effects effects;
  effects.items = vectors.size() / static_cast<size_t>(dictionary.dim());
  const auto latents = static_cast<size_t>(dictionary.latents());
  effects.of.resize(latents * effects.items);
  math::Sgemm(Transpose::kNo, Transpose::kYes, dictionary.latents(),
              static_cast<int64_t>(effects.items), dictionary.dim(), dictionary.decoder().data(),
              vectors.data(), 0.0f, effects.of.data());
  effects.weight.resize(latents);
  for (size_t latent = 0; latent < latents; ++latent) {
    for (size_t i = 0; i < effects.items; ++i) {
      effects.weight[latent] += std::abs(effects.of[latent * effects.items + i]);
    }
  }
  return effects;
}

// One row, all centred: codes as they are and as the descriptions predict them.
struct CentredRow {
  std::vector<float> x;          // [dim]
  std::vector<float> codes;      // [latents]
  std::vector<float> predicted;  // [latents]
};

// Sums of (s - s^)^2 by how many latents tell, and of s^2.
struct Errors {
  std::array<double, 4> missing = {};
  double all = 0;

  DescribedR2 Result() const {
    DescribedR2 result = {};
    for (size_t i = 0; i < result.size(); ++i) result[i] = all > 0 ? 1 - missing[i] / all : 0;
    return result;
  }
};

void AddErrors(const CentredRow& row, std::span<const float> vectors, const Effects& effects,
               Errors& errors) {
  const size_t dim = row.x.size();
  std::vector<double> left(effects.items);  // s - s^
  for (size_t i = 0; i < effects.items; ++i) {
    left[i] = std::inner_product(row.x.begin(), row.x.end(),
                                 vectors.begin() + static_cast<std::ptrdiff_t>(i * dim), 0.0);
    errors.all += left[i] * left[i];
  }
  const auto squares = [&] {
    return std::inner_product(left.begin(), left.end(), left.begin(), 0.0);
  };
  const auto tell = [&](size_t latent) {
    const float* effect = effects.of.data() + latent * effects.items;
    for (size_t i = 0; i < effects.items; ++i) left[i] -= double{row.predicted[latent]} * effect[i];
  };

  std::vector<size_t> order(row.codes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto first = std::min<size_t>(order.size(), kGroups.back());
  std::vector<float> weights(order.size());
  for (const size_t latent : order) {
    weights[latent] = std::abs(row.codes[latent]) * effects.weight[latent];
  }
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(first), order.end(),
                    [&](size_t a, size_t b) {
                      return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
                    });
  size_t told = 0;
  for (size_t g = 0; g < kGroups.size(); ++g) {
    while (told < std::min<size_t>(first, static_cast<size_t>(kGroups[g]))) tell(order[told++]);
    errors.missing[g] += squares();
  }
  for (; told < order.size(); ++told) tell(order[told]);
  errors.missing[kAll] += squares();
}

// Every n-th row, so as to keep the products within kMostProducts.
int64_t StepOver(const SampledRows& rows, const Dictionary& dictionary, size_t items) {
  constexpr double kMostProducts = 1e11;
  constexpr double kShown = 10;
  const double row = static_cast<double>(dictionary.latents()) *
                     (kShown * dictionary.dim() + static_cast<double>(items));
  const double all = row * static_cast<double>(rows.rows());
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(all / kMostProducts)));
}

std::vector<float> MeanCode(const sae::SparseCodes& codes, int latents) {
  std::vector<double> sums(static_cast<size_t>(latents));
  for (int64_t row = 0; row < codes.rows(); ++row) {
    for (const auto& [latent, value] : codes.Row(row)) sums[static_cast<size_t>(latent)] += value;
  }
  std::vector<float> mean;
  mean.reserve(sums.size());
  const double n = std::max(static_cast<double>(codes.rows()), 1.0);
  for (const double sum : sums) mean.push_back(static_cast<float>(sum / n));
  return mean;
}

std::span<const int32_t> LastOf(const std::vector<int32_t>& history, size_t most) {
  const size_t read = std::min(history.size(), most);
  return std::span<const int32_t>(history).last(read);
}

}  // namespace

bool SetShares::Of(const Case& from) {
  for (const int32_t set : touched_) shares_[static_cast<size_t>(set)] = 0;
  touched_.clear();
  const size_t read = speaking_.items == Speaking::Items::kLastRead ? 1 : kReadItems;
  const std::span<const int32_t> items =
      speaking_.of_history() ? LastOf(from.history, read) : std::span<const int32_t>(from.ranked);
  const auto count = std::count_if(items.begin(), items.end(), speaking_);
  if (count == 0) return false;
  for (const int32_t item : items) {
    if (!speaking_(item)) continue;
    for (const int32_t set : sets_.Of(item)) {
      float& held = shares_[static_cast<size_t>(set)];
      if (held == 0) touched_.push_back(set);
      ++held;
    }
  }
  // Divided once, so that two of three are as much as four of six.
  for (const int32_t set : touched_) {
    shares_[static_cast<size_t>(set)] /= static_cast<float>(count);
  }
  return true;
}

double Pearson(double n, const MomentSums& y, const MomentSums& z, double products) {
  const double a = n * y.squares - y.sum * y.sum;
  const double b = n * z.squares - z.sum * z.sum;
  // What rounding leaves of a constant is no variance.
  if (a <= 1e-9 * n * y.squares || b <= 1e-9 * n * z.squares) return 0;
  return (n * products - y.sum * z.sum) / std::sqrt(a * b);
}

double Association::Correlation(int latent, int32_t set) const {
  const auto l = static_cast<size_t>(latent);
  const auto s = static_cast<size_t>(set);
  return Pearson(static_cast<double>(rows), {latent_sum[l], latent_squares[l]},
                 {set_sum[s], set_squares[s]}, products[l * static_cast<size_t>(sets) + s]);
}

double Association::Covariance(int latent, int32_t set) const {
  const auto l = static_cast<size_t>(latent);
  const auto s = static_cast<size_t>(set);
  const auto n = static_cast<double>(std::max<int64_t>(rows, 1));
  const double product = products[l * static_cast<size_t>(sets) + s];
  return (product - latent_sum[l] * set_sum[s] / n) / n;
}

std::vector<double> EffectiveItems(const SampledRows& rows, const ItemSets& sets,
                                   const Speaking& speaking) {
  std::vector<double> counts(static_cast<size_t>(sets.items()));
  for (const Case& from : rows.cases) {
    for (const int32_t item : from.ranked) {
      if (speaking(item)) ++counts[static_cast<size_t>(item)];
    }
  }
  std::vector<double> sum(static_cast<size_t>(sets.size()));
  std::vector<double> squares(sum.size());
  for (int item = 0; item < sets.items(); ++item) {
    const double count = counts[static_cast<size_t>(item)];
    for (const int32_t set : sets.Of(item)) {
      sum[static_cast<size_t>(set)] += count;
      squares[static_cast<size_t>(set)] += count * count;
    }
  }
  const double items_of_one = speaking.items == Speaking::Items::kAll ? 1 : 2;
  for (size_t set = 0; set < sum.size(); ++set) {
    sum[set] = squares[set] > 0 ? items_of_one * sum[set] * sum[set] / squares[set] : 0;
  }
  return sum;
}

absl::StatusOr<Association> Associate(const SampledRows& rows, const sae::SparseCodes& codes,
                                      int latents, const ItemSets& sets, const Speaking& speaking,
                                      Alive alive) {
  Association sums;
  sums.sets = sets.size();
  sums.latents = latents;
  const auto set_count = static_cast<size_t>(sets.size());
  sums.set_sum.resize(set_count);
  sums.set_squares.resize(set_count);
  sums.set_rows.resize(set_count);
  sums.set_items = EffectiveItems(rows, sets, speaking);
  sums.latent_sum.resize(static_cast<size_t>(latents));
  sums.latent_squares.resize(static_cast<size_t>(latents));
  sums.products.resize(static_cast<size_t>(latents) * set_count);
  SetShares shares(sets, speaking);
  for (int64_t row = 0; row < rows.rows(); ++row) {
    if (row % kRowsBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    if (!shares.Of(rows.cases[static_cast<size_t>(row)])) continue;
    ++sums.rows;
    for (const int32_t set : shares.touched()) {
      const double share = shares.share(set);
      sums.set_sum[static_cast<size_t>(set)] += share;
      sums.set_squares[static_cast<size_t>(set)] += share * share;
      ++sums.set_rows[static_cast<size_t>(set)];
    }
    for (const auto& [latent, value] : codes.Row(row)) {
      const auto l = static_cast<size_t>(latent);
      sums.latent_sum[l] += value;
      sums.latent_squares[l] += double{value} * value;
      float* products = sums.products.data() + l * set_count;
      for (const int32_t set : shares.touched()) products[set] += value * shares.share(set);
    }
  }
  return sums;
}

std::vector<SetDescription> Describe(const Association& association, const ItemSets& sets,
                                     bool is_signed) {
  std::vector<int32_t> usable;
  for (int32_t set = 0; set < association.sets; ++set) {
    if (association.set_rows[static_cast<size_t>(set)] >= kFewestRows &&
        association.set_items[static_cast<size_t>(set)] >= kFewestItems) {
      usable.push_back(set);
    }
  }
  std::vector<SetDescription> descriptions(static_cast<size_t>(association.latents));
  std::vector<double> worth(usable.size());
  for (int latent = 0; latent < association.latents; ++latent) {
    double most = 0;
    for (size_t i = 0; i < usable.size(); ++i) {
      const double r = association.Correlation(latent, usable[i]);
      worth[i] = is_signed ? std::abs(r) : r;
      most = std::max(most, worth[i]);
    }
    if (most <= 0) continue;
    // The shortest of those that are nearly as good.
    const auto key = [&](size_t i) {
      return std::pair(sets.at(usable[i]).terms.size(), -worth[i]);
    };
    size_t best = usable.size();
    for (size_t i = 0; i < usable.size(); ++i) {
      if (worth[i] < kNearlyAsGood * most) continue;
      if (best == usable.size() || key(i) < key(best)) best = i;
    }
    SetDescription& description = descriptions[static_cast<size_t>(latent)];
    description.set = usable[best];
    description.correlation = association.Correlation(latent, usable[best]);
  }
  return descriptions;
}

absl::Status FitLines(const SampledRows& rows, const sae::SparseCodes& codes, const ItemSets& sets,
                      std::vector<SetDescription>& descriptions, Alive alive) {
  std::vector<MomentSums> of_set(static_cast<size_t>(sets.size()));
  std::vector<double> latent_sum(descriptions.size());
  std::vector<double> products(descriptions.size());
  SetShares shares(sets);
  for (int64_t row = 0; row < rows.rows(); ++row) {
    if (row % kRowsBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    shares.Of(rows.cases[static_cast<size_t>(row)]);
    for (const int32_t set : shares.touched()) {
      const double share = shares.share(set);
      of_set[static_cast<size_t>(set)].sum += share;
      of_set[static_cast<size_t>(set)].squares += share * share;
    }
    for (const auto& [latent, value] : codes.Row(row)) {
      const auto l = static_cast<size_t>(latent);
      latent_sum[l] += value;
      if (descriptions[l].set >= 0) products[l] += value * shares.share(descriptions[l].set);
    }
  }
  const auto n = static_cast<double>(std::max<int64_t>(rows.rows(), 1));
  for (size_t l = 0; l < descriptions.size(); ++l) {
    SetDescription& line = descriptions[l];
    line.intercept = latent_sum[l] / n;
    if (line.set < 0) continue;
    const MomentSums& share = of_set[static_cast<size_t>(line.set)];
    const double variance = n * share.squares - share.sum * share.sum;
    if (variance <= 0) continue;
    line.slope = (n * products[l] - latent_sum[l] * share.sum) / variance;
    line.intercept -= line.slope * share.sum / n;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SetDescription>> DescribeLatents(const Association& association,
                                                            const SampledRows& rows,
                                                            const sae::SparseCodes& codes,
                                                            const ItemSets& sets, bool is_signed,
                                                            Alive alive) {
  std::vector<SetDescription> descriptions = Describe(association, sets, is_signed);
  RECSAE_RETURN_IF_ERROR(FitLines(rows, codes, sets, descriptions, alive));
  return descriptions;
}

absl::StatusOr<DescribedScores> MeasureDescribed(const SampledRows& rows,
                                                 const sae::SparseCodes& codes,
                                                 const Dictionary& dictionary,
                                                 std::span<const SetDescription> descriptions,
                                                 const ItemSets& sets, const PredictionHead& head,
                                                 std::span<const int32_t> items, Alive alive) {
  const auto dim = static_cast<size_t>(dictionary.dim());
  const auto latents = static_cast<size_t>(dictionary.latents());
  const std::vector<float> mean_x = MeanOf(rows.activations, dictionary.dim());
  const std::vector<float> mean_code = MeanCode(codes, dictionary.latents());
  const std::vector<float> fixed_vectors = VectorsOf(head, items);
  const Effects fixed = EffectsOn(dictionary, fixed_vectors);
  Errors shown;
  Errors random;
  SetShares shares(sets);
  CentredRow row{std::vector<float>(dim), std::vector<float>(latents), std::vector<float>(latents)};
  const int64_t step = StepOver(rows, dictionary, items.size());
  for (int64_t i = 0; i < rows.rows(); i += step) {
    RECSAE_RETURN_IF_ERROR(alive());
    const Case& from = rows.cases[static_cast<size_t>(i)];
    shares.Of(from);
    for (size_t d = 0; d < dim; ++d) {
      row.x[d] = rows.activations[static_cast<size_t>(i) * dim + d] - mean_x[d];
    }
    for (size_t l = 0; l < latents; ++l) {
      const SetDescription& description = descriptions[l];
      double predicted = description.intercept;
      if (description.set >= 0) predicted += description.slope * shares.share(description.set);
      if (!dictionary.is_signed()) predicted = std::max(predicted, 0.0);
      row.codes[l] = -mean_code[l];
      row.predicted[l] = static_cast<float>(predicted) - mean_code[l];
    }
    for (const auto& [latent, value] : codes.Row(i))
      row.codes[static_cast<size_t>(latent)] += value;
    const std::vector<float> vectors = VectorsOf(head, from.ranked);
    AddErrors(row, vectors, EffectsOn(dictionary, vectors), shown);
    AddErrors(row, fixed_vectors, fixed, random);
  }
  return DescribedScores{shown.Result(), random.Result()};
}

}  // namespace recsae::explainer
