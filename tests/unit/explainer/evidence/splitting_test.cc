// Dictionaries of which it is known whether they split or absorb, and a naive reference.
#include "services/explainer/evidence/splitting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>

#include "tests/unit/explainer/evidence/hand_made.h"
#include "tests/unit/explainer/evidence/planted.h"

namespace recsae::explainer {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

constexpr int kWorldKinds = 3;
constexpr int kParts = 8;
constexpr int kDim = kWorldKinds + kParts;
// Of the rows of kind 0, one in five is of one of kParts parts: each too few to raise F1 by .03.
constexpr int kOneInPart = 5;

// Item i is of kind i % kWorldKinds.
ItemSets WorldSets() {
  std::vector<ItemText> texts;
  for (int i = 0; i < 60 * kWorldKinds; ++i) {
    texts.push_back({"", {{"kind", "kind" + std::to_string(i % kWorldKinds)}}});
  }
  return *ItemSets::Create(texts, {}, ItemSetOptions(), Always);
}

// Rows lie on the axis of their kind; of those of kind 0 some on one of a part as well.
Sample World(uint64_t seed) {
  Random random(seed, 1);
  Sample sample(kDim, {20'000, 5'000, 4'000}, seed);
  for (int user = 0; user < 6000; ++user) {
    const auto kind = static_cast<int>(random.Below(kWorldKinds));
    std::vector<float> x(kDim);
    for (float& value : x) value = static_cast<float>(0.03 * random.Normal());
    x[kind] += 1;
    if (kind == 0 && random.Below(kOneInPart) == 0) x[kWorldKinds + random.Below(kParts)] += 1;
    Case added;
    added.user = user;
    for (int i = 0; i < 10; ++i) {
      added.ranked.push_back(static_cast<int32_t>(kind + kWorldKinds * random.Below(60)));
    }
    sample.Add(x, std::move(added));
  }
  return sample;
}

std::vector<float> Axis(std::initializer_list<int> ones) {
  std::vector<float> axis(kDim);
  for (const int i : ones) axis[i] = 1;
  return axis;
}

int KindOf(const float* x) { return static_cast<int>(std::max_element(x, x + kWorldKinds) - x); }

// Of a row: its part, or -1.
int PartOf(const float* x) {
  for (int part = 0; part < kParts; ++part) {
    if (x[kWorldKinds + part] > 0.5f) return part;
  }
  return -1;
}

Splitting Measure(const Sample& sample, const Dictionary& dictionary, const ItemSets& sets,
                  const Speaking& speaking = {}) {
  CodedSample coded{&sample, {}};
  for (const Role role : {Role::kDescribe, Role::kThreshold, Role::kMeasure}) {
    const SampledRows& rows = sample.Of(role);
    coded.codes[static_cast<size_t>(role)] =
        *dictionary.Encode(rows.activations.data(), rows.rows(), Always);
  }
  const Association association = *Associate(coded.rows(Role::kDescribe), coded.of(Role::kDescribe),
                                             dictionary.latents(), sets, speaking, Always);
  const AttributeProbes probes = *FitAttributeProbes(sample, sets, sets.Attributes(), Always);
  return *MeasureSplitting(coded, dictionary, association, probes, Always);
}

TEST(SplittingTest, OneLatentForEachKindNeitherSplitsNorAbsorbs) {
  const HandMade dictionary({Axis({0}), Axis({1}), Axis({2})}, [](const float* x) {
    return Code{{KindOf(x), x[KindOf(x)]}};
  });
  const Splitting splitting = Measure(World(1), dictionary, WorldSets());
  ASSERT_EQ(splitting.attributes.size(), size_t{kWorldKinds});
  for (int kind = 0; kind < kWorldKinds; ++kind) {
    EXPECT_THAT(splitting.attributes[kind].latents, ElementsAre(kind));
    EXPECT_GT(splitting.attributes[kind].f1, 0.99);
    EXPECT_GT(splitting.attributes[kind].told, 600);
  }
  EXPECT_EQ(splitting.LatentsPerAttribute(), 1);
  EXPECT_EQ(splitting.MissedShare(), 0);
  EXPECT_EQ(splitting.AbsorbedShare(), 0);
}

// Rows of which no item speaks have no share, but a code.
TEST(SplittingTest, HalfOfTheItemsTellTheSame) {
  const HandMade dictionary({Axis({0}), Axis({1}), Axis({2}), Axis({0})}, [](const float* x) {
    const int kind = KindOf(x);
    return Code{{kind == 0 && x[1] > 0 ? 3 : kind, x[kind]}};
  });
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const Sample sample = World(seed);
    const Speaking describing{Speaking::Items::kDescribing, seed};
    const std::vector<Case>& rows = sample.Of(Role::kDescribe).cases;
    ASSERT_TRUE(std::any_of(rows.begin(), rows.end(), [&](const Case& row) {
      return std::none_of(row.ranked.begin(), row.ranked.end(), describing);
    }));
    const Splitting all = Measure(sample, dictionary, WorldSets());
    const Splitting half = Measure(sample, dictionary, WorldSets(), describing);
    ASSERT_EQ(all.attributes.size(), half.attributes.size());
    for (size_t i = 0; i < all.attributes.size(); ++i) {
      EXPECT_THAT(half.attributes[i].latents, UnorderedElementsAreArray(all.attributes[i].latents));
      EXPECT_NEAR(half.attributes[i].f1, all.attributes[i].f1, 0.02);
      EXPECT_EQ(half.attributes[i].told, all.attributes[i].told);
    }
  }
}

TEST(SplittingTest, AKindThatTwoLatentsShareIsSplit) {
  // Of kind 0, latents 0 and 3 take half each, by the sign of the noise on another axis.
  const HandMade dictionary({Axis({0}), Axis({1}), Axis({2}), Axis({0})}, [](const float* x) {
    const int kind = KindOf(x);
    return Code{{kind == 0 && x[1] > 0 ? 3 : kind, x[kind]}};
  });
  const Splitting splitting = Measure(World(2), dictionary, WorldSets());
  EXPECT_THAT(splitting.attributes[0].latents, UnorderedElementsAre(0, 3));
  EXPECT_GT(splitting.attributes[0].f1, 0.99);
  EXPECT_THAT(splitting.attributes[1].latents, ElementsAre(1));
  EXPECT_NEAR(splitting.LatentsPerAttribute(), 4.0 / 3, 1e-12);
  EXPECT_EQ(splitting.MissedShare(), 0);
}

// Latents of the parts of kind 0, on which that of the kind itself does not fire.
HandMade DictionaryOfParts(bool parts_hold_the_kind) {
  std::vector<std::vector<float>> directions = {Axis({0}), Axis({1}), Axis({2})};
  for (int part = 0; part < kParts; ++part) {
    directions.push_back(parts_hold_the_kind ? Axis({0, kWorldKinds + part})
                                             : Axis({kWorldKinds + part}));
  }
  return HandMade(directions, [](const float* x) {
    const int part = PartOf(x);
    return part < 0 ? Code{{KindOf(x), x[KindOf(x)]}}
                    : Code{{kWorldKinds + part, x[kWorldKinds + part]}};
  });
}

TEST(SplittingTest, PartsWhoseLatentsHoldTheKindAbsorbIt) {
  const Splitting splitting = Measure(World(3), DictionaryOfParts(true), WorldSets());
  const AttributeSplit& kind = splitting.attributes[0];
  EXPECT_THAT(kind.latents, ElementsAre(0));
  EXPECT_NEAR(static_cast<double>(kind.missed) / static_cast<double>(kind.told), 1.0 / kOneInPart,
              0.05);
  EXPECT_EQ(kind.absorbed, kind.missed);
  EXPECT_EQ(splitting.AbsorbedShare(), 1);
  EXPECT_NEAR(splitting.MissedShare(), 1.0 / kOneInPart / kWorldKinds, 0.02);
  EXPECT_EQ(splitting.AbsorptionRate(), splitting.MissedShare());
}

TEST(SplittingTest, WhereNoLatentMakesUpForTheKindItIsMissedAndNotAbsorbed) {
  const Splitting splitting = Measure(World(3), DictionaryOfParts(false), WorldSets());
  const AttributeSplit& kind = splitting.attributes[0];
  EXPECT_GT(kind.missed, 100);
  EXPECT_EQ(kind.absorbed, 0);
  EXPECT_EQ(splitting.AbsorptionRate(), 0);
  EXPECT_EQ(splitting.AbsorbedShare(), 0);
}

// ---- a naive reference

// Weights of least squares of y on columns, with a constant last, by elimination.
std::vector<double> Solve(const std::vector<std::vector<double>>& columns,
                          const std::vector<double>& y) {
  std::vector<std::vector<double>> with = columns;
  with.emplace_back(y.size(), 1.0);
  const size_t n = with.size();
  std::vector<std::vector<double>> m(n, std::vector<double>(n + 1));
  for (size_t a = 0; a < n; ++a) {
    for (size_t b = 0; b < n; ++b) {
      m[a][b] = std::inner_product(with[a].begin(), with[a].end(), with[b].begin(), 0.0);
    }
    m[a][n] = std::inner_product(with[a].begin(), with[a].end(), y.begin(), 0.0);
  }
  for (size_t a = 0; a < n; ++a) {
    for (size_t b = 0; b < n; ++b) {
      if (a == b) continue;
      const double factor = m[b][a] / m[a][a];
      for (size_t c = a; c <= n; ++c) m[b][c] -= factor * m[a][c];
    }
  }
  std::vector<double> weights(n);
  for (size_t a = 0; a < n; ++a) weights[a] = m[a][n] / m[a][a];
  return weights;
}

std::vector<double> Told(const std::vector<std::vector<double>>& columns,
                         const std::vector<double>& weights) {
  std::vector<double> told(columns[0].size(), weights.back());
  for (size_t j = 0; j < columns.size(); ++j) {
    for (size_t i = 0; i < told.size(); ++i) told[i] += weights[j] * columns[j][i];
  }
  return told;
}

// F1 of told >= threshold for the has (1 or 0).
double F1(const std::vector<double>& told, const std::vector<double>& has, double threshold) {
  double hits = 0;
  double all = 0;
  for (size_t i = 0; i < told.size(); ++i) {
    hits += told[i] >= threshold ? has[i] : 0;
    all += has[i] + (told[i] >= threshold ? 1 : 0);
  }
  return all > 0 ? 2 * hits / all : 0;
}

struct NaiveRows {
  std::vector<std::vector<double>> codes;  // by latent
  std::vector<double> share, has;
  std::vector<std::vector<double>> x;
};

NaiveRows RowsOf(const SampledRows& rows, const Dictionary& dictionary, const ItemSets& sets,
                 int32_t set) {
  NaiveRows naive;
  const auto in_set = [&](int32_t item) {
    const auto of = sets.Of(item);
    return std::find(of.begin(), of.end(), set) != of.end() ? 1.0 : 0.0;
  };
  naive.codes.assign(dictionary.latents(), std::vector<double>(rows.rows()));
  const auto codes = *dictionary.Encode(rows.activations.data(), rows.rows(), Always);
  for (int64_t row = 0; row < rows.rows(); ++row) {
    const Case& from = rows.cases[row];
    double share = 0;
    for (const int32_t item : from.ranked) share += in_set(item) / from.ranked.size();
    naive.share.push_back(share);
    naive.has.push_back(in_set(from.ranked[0]));
    for (const auto& [latent, value] : codes.Row(row)) naive.codes[latent][row] = value;
    const float* x = rows.activations.data() + row * dictionary.dim();
    naive.x.emplace_back(x, x + dictionary.dim());
  }
  return naive;
}

double Correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

std::vector<std::vector<double>> Pick(const NaiveRows& rows, const std::vector<int32_t>& latents) {
  std::vector<std::vector<double>> columns;
  for (const int32_t latent : latents) columns.push_back(rows.codes[latent]);
  return columns;
}

// The probe's latents and F1.
std::pair<std::vector<int32_t>, double> NaiveProbe(const NaiveRows& describe,
                                                   const NaiveRows& threshold,
                                                   const NaiveRows& measure) {
  std::vector<std::pair<double, int32_t>> fits;
  for (size_t latent = 0; latent < describe.codes.size(); ++latent) {
    const double r = Correlation(describe.codes[latent], describe.share);
    if (r > 0) fits.emplace_back(-r, static_cast<int32_t>(latent));
  }
  std::sort(fits.begin(), fits.end());
  fits.resize(std::min(fits.size(), kSplitCandidates));
  std::vector<int32_t> chosen;
  double best_f1 = -1;
  while (chosen.size() < std::min(kMostSplits, fits.size())) {
    double least = 1e300;
    int32_t next = -1;
    for (const auto& [fit, latent] : fits) {
      if (std::find(chosen.begin(), chosen.end(), latent) != chosen.end()) continue;
      std::vector<int32_t> tried = chosen;
      tried.push_back(latent);
      const auto columns = Pick(describe, tried);
      const auto told = Told(columns, Solve(columns, describe.share));
      double error = 0;
      for (size_t i = 0; i < told.size(); ++i) error += std::pow(told[i] - describe.share[i], 2);
      if (error < least) {
        least = error;
        next = latent;
      }
    }
    chosen.push_back(next);
    const auto columns = Pick(describe, chosen);
    const std::vector<double> weights = Solve(columns, describe.share);
    const auto to_set = Told(Pick(threshold, chosen), weights);
    double best = -1;
    double at = 0;
    for (const double candidate : to_set) {
      const double f1 = F1(to_set, threshold.has, candidate);
      if (f1 > best || (f1 == best && candidate > at)) {
        best = f1;
        at = candidate;
      }
    }
    const double f1 = F1(Told(Pick(measure, chosen), weights), measure.has, at - 1e-9);
    if (chosen.size() > 1 && f1 <= best_f1 + kSplitRise) {
      chosen.pop_back();
      return {chosen, best_f1};
    }
    best_f1 = f1;
  }
  return {chosen, best_f1};
}

TEST(SplittingTest, MatchesANaiveReference) {
  const ItemSets sets = PlantedSets();
  const PredictionHead head = PlantedHead(true, 4);
  const Sample sample = PlantedSample(head, 4000, 4);
  const auto dictionary =
      *RandomDictionary(sample.Of(Role::kDescribe).activations, kPlantedDim, 24, 3, 4, Always);
  const Splitting splitting = Measure(sample, *dictionary, sets);
  const AttributeProbes probes = *FitAttributeProbes(sample, sets, sets.Attributes(), Always);
  ASSERT_GE(splitting.attributes.size(), 4u);
  int64_t all_missed = 0;
  int64_t all_absorbed = 0;
  for (size_t a = 0; a < splitting.attributes.size(); ++a) {
    const AttributeSplit& split = splitting.attributes[a];
    const NaiveRows measure = RowsOf(sample.Of(Role::kMeasure), *dictionary, sets, split.set);
    const auto [latents, f1] =
        NaiveProbe(RowsOf(sample.Of(Role::kDescribe), *dictionary, sets, split.set),
                   RowsOf(sample.Of(Role::kThreshold), *dictionary, sets, split.set), measure);
    EXPECT_EQ(split.latents, latents);
    EXPECT_NEAR(split.f1, f1, 1e-9);

    const std::vector<float> mean = MeanOf(sample.Of(Role::kDescribe).activations, kPlantedDim);
    const float* direction = probes.directions.data() + a * kPlantedDim;
    int64_t told = 0;
    int64_t missed = 0;
    int64_t absorbed = 0;
    for (size_t row = 0; row < measure.has.size(); ++row) {
      double projection = 0;
      for (int d = 0; d < kPlantedDim; ++d) {
        projection += (measure.x[row][d] - mean[d]) * direction[d];
      }
      if (measure.has[row] == 0 || projection <= 0 || projection < probes.thresholds[a]) continue;
      ++told;
      bool fires = false;
      double most = 0;
      double cosine = 0;
      for (int j = 0; j < dictionary->latents(); ++j) {
        const double code = measure.codes[j][row];
        fires = fires || (code != 0 && std::count(latents.begin(), latents.end(), j) > 0);
        const float* w = dictionary->decoder().data() + j * kPlantedDim;
        double along = 0;
        double square = 0;
        for (int d = 0; d < kPlantedDim; ++d) {
          along += w[d] * direction[d];
          square += w[d] * w[d];
        }
        if (code * along <= most) continue;
        most = code * along;
        cosine = std::abs(along) / std::sqrt(square);
      }
      if (fires) continue;
      ++missed;
      absorbed += most >= kAbsorbingPart * projection && cosine >= kAbsorbingCosine ? 1 : 0;
    }
    EXPECT_EQ(split.told, told);
    EXPECT_EQ(split.missed, missed);
    EXPECT_EQ(split.absorbed, absorbed);
    all_missed += missed;
    all_absorbed += absorbed;
  }
  EXPECT_GT(all_missed, 0);  // or it would compare nothing
  EXPECT_GT(all_absorbed, 0);
  EXPECT_NEAR(splitting.AbsorbedShare(),
              static_cast<double>(all_absorbed) / static_cast<double>(all_missed), 1e-12);
}

// ---- linear probes

TEST(AttributeProbesTest, FindTheAxisOfEachKindAndTellItsRows) {
  const Sample sample = World(5);
  const ItemSets sets = WorldSets();
  const AttributeProbes probes = *FitAttributeProbes(sample, sets, sets.Attributes(), Always);
  ASSERT_EQ(probes.attributes(), kWorldKinds);
  for (int kind = 0; kind < kWorldKinds; ++kind) {
    const float* direction = probes.directions.data() + size_t{kDim} * kind;
    EXPECT_EQ(std::max_element(direction, direction + kDim) - direction, kind);
    EXPECT_NEAR(std::inner_product(direction, direction + kDim, direction, 0.0), 1, 1e-5);
    const std::vector<int32_t>& with = probes.RowsWith(Role::kMeasure, kind);
    const std::vector<int32_t> told = probes.ToldRows(kind);
    EXPECT_GT(static_cast<double>(told.size()), 0.99 * static_cast<double>(with.size()));
    EXPECT_TRUE(std::includes(with.begin(), with.end(), told.begin(), told.end()));
  }
}

TEST(AttributeProbesTest, RareAttributesAndWideActivationsHaveNone) {
  const ItemSets sets = WorldSets();
  Sample few(kDim, {100, 100, 100}, 1);
  for (int user = 0; user < 300; ++user) {
    const std::vector<float> x(kDim, static_cast<float>(user));
    Case added;
    added.user = user;
    added.ranked = {user % (20 * kWorldKinds) == 0 ? 0 : 1};
    few.Add(x, std::move(added));
  }
  EXPECT_EQ(FitAttributeProbes(few, sets, sets.Attributes(), Always)->attributes(), 0);
  const Sample wide(kLargestProbed + 1, {10, 10, 10}, 1);
  EXPECT_EQ(FitAttributeProbes(wide, sets, sets.Attributes(), Always)->attributes(), 0);
}

TEST(AttributeProbesTest, StopWhenInterrupted) {
  const Sample sample = World(5);
  const ItemSets sets = WorldSets();
  const auto probes = FitAttributeProbes(sample, sets, sets.Attributes(),
                                         [] { return absl::CancelledError("enough"); });
  EXPECT_EQ(probes.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace recsae::explainer
