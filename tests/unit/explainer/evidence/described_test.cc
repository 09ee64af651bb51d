#include "services/explainer/evidence/described.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/explainer/evidence/planted.h"

namespace recsae::explainer {
namespace {

struct Setting {
  PredictionHead head;
  Sample sample;
  ItemSets sets = PlantedSets();
  std::vector<int32_t> items = {0, 1, 2, 7, 31, 44, 45, 80};

  explicit Setting(bool planted)
      : head(PlantedHead(planted, 1)), sample(PlantedSample(head, 900, 1)) {}
};

struct Measured {
  Association association;
  std::vector<SetDescription> descriptions;
  sae::SparseCodes codes;
  DescribedScores scores;
};

Measured Measure(const Setting& setting, const Dictionary& dictionary) {
  Measured measured;
  const SampledRows& describe = setting.sample.Of(Role::kDescribe);
  const SampledRows& measure = setting.sample.Of(Role::kMeasure);
  const sae::SparseCodes codes =
      *dictionary.Encode(describe.activations.data(), describe.rows(), Always);
  measured.association = *Associate(describe, codes, dictionary.latents(), setting.sets, Always);
  measured.descriptions = Describe(measured.association, dictionary.is_signed());
  measured.codes = *dictionary.Encode(measure.activations.data(), measure.rows(), Always);
  measured.scores = *MeasureDescribed(measure, measured.codes, dictionary, measured.descriptions,
                                      setting.sets, setting.head, setting.items, Always);
  return measured;
}

// 1 - sum (s - s^)^2 / sum s^2 for the items shown, by plain loops from the definition.
double NaiveShown(const Setting& setting, const Dictionary& dictionary, const Measured& measured,
                  size_t m) {
  const SampledRows& rows = setting.sample.Of(Role::kMeasure);
  const auto n = static_cast<size_t>(rows.rows());
  const auto latents = static_cast<size_t>(dictionary.latents());
  std::vector<std::vector<double>> z(n, std::vector<double>(latents));
  std::vector<double> mean_z(latents);
  std::vector<double> mean_x(kPlantedDim);
  for (size_t u = 0; u < n; ++u) {
    for (const auto& [latent, value] : measured.codes.Row(static_cast<int64_t>(u))) {
      z[u][static_cast<size_t>(latent)] = value;
      mean_z[static_cast<size_t>(latent)] += value / static_cast<double>(n);
    }
    for (size_t d = 0; d < kPlantedDim; ++d) {
      mean_x[d] += rows.activations[u * kPlantedDim + d] / static_cast<double>(n);
    }
  }
  double missing = 0;
  double all = 0;
  for (size_t u = 0; u < n; ++u) {
    const std::vector<int32_t>& list = rows.cases[u].ranked;
    const auto effect = [&](size_t latent, int32_t item) {
      double sum = 0;
      for (size_t d = 0; d < kPlantedDim; ++d) {
        sum +=
            double{dictionary.decoder()[latent * kPlantedDim + d]} * setting.head.Vector(item)[d];
      }
      return sum;
    };
    std::vector<std::pair<double, size_t>> weights;
    for (size_t l = 0; l < latents; ++l) {
      double weight = 0;
      for (const int32_t item : list) weight += std::abs((z[u][l] - mean_z[l]) * effect(l, item));
      weights.emplace_back(-weight, l);
    }
    std::sort(weights.begin(), weights.end());
    for (const int32_t item : list) {
      double s = 0;
      for (size_t d = 0; d < kPlantedDim; ++d) {
        s += (rows.activations[u * kPlantedDim + d] - mean_x[d]) * setting.head.Vector(item)[d];
      }
      double told = 0;
      for (size_t i = 0; i < std::min(m, latents); ++i) {
        const size_t l = weights[i].second;
        const SetDescription& description = measured.descriptions[l];
        int in_set = 0;
        for (const int32_t shown : list) {
          const auto of = setting.sets.Of(shown);
          in_set += std::find(of.begin(), of.end(), description.set) != of.end() ? 1 : 0;
        }
        double predicted = description.intercept;
        if (description.set >= 0) predicted += description.slope * in_set / 10.0;
        if (!dictionary.is_signed()) predicted = std::max(predicted, 0.0);
        told += (predicted - mean_z[l]) * effect(l, item);
      }
      missing += (s - told) * (s - told);
      all += s * s;
    }
  }
  return 1 - missing / all;
}

TEST(DescribedTest, PlantedLatentsAreDescribedByTheirKind) {
  const Setting setting(true);
  const sae::SaeModel model = AxesModel();
  const Measured measured = Measure(setting, *TrainedDictionary(model));
  for (int latent = 0; latent < kKinds; ++latent) {
    const SetDescription& description = measured.descriptions[static_cast<size_t>(latent)];
    ASSERT_GE(description.set, 0);
    EXPECT_EQ(setting.sets.at(description.set).name, "kind" + std::to_string(latent));
    EXPECT_GT(description.correlation, 0.7);
    EXPECT_GT(description.slope, 0);
  }
  EXPECT_GT(measured.scores.shown[1], 0.6);
  EXPECT_GT(measured.scores.random[1], 0.6);
}

TEST(DescribedTest, AgreesWithTheDefinition) {
  const Setting setting(true);
  const sae::SaeModel model = AxesModel();
  const std::vector<float>& rows = setting.sample.Of(Role::kDescribe).activations;
  std::vector<std::unique_ptr<Dictionary>> dictionaries;
  dictionaries.push_back(TrainedDictionary(model));
  dictionaries.push_back(ComponentsDictionary(rows, kPlantedDim));
  dictionaries.push_back(*RandomDictionary(rows, kPlantedDim, 20, 3, 1, Always));
  for (const auto& dictionary : dictionaries) {
    const Measured measured = Measure(setting, *dictionary);
    for (const auto& [place, m] : {std::pair<size_t, size_t>{0, 1}, {1, 3}, {2, 5}, {3, 1000}}) {
      EXPECT_NEAR(measured.scores.shown[place], NaiveShown(setting, *dictionary, measured, m), 1e-4)
          << "m " << m;
    }
  }
}

TEST(DescribedTest, CorrelationIsPearsons) {
  const Setting setting(true);
  const sae::SaeModel model = AxesModel();
  const auto dictionary = TrainedDictionary(model);
  const SampledRows& rows = setting.sample.Of(Role::kDescribe);
  const sae::SparseCodes codes = *dictionary->Encode(rows.activations.data(), rows.rows(), Always);
  const Association association = *Associate(rows, codes, kKinds, setting.sets, Always);
  const auto n = static_cast<double>(rows.rows());
  for (int32_t set = 0; set < setting.sets.size(); ++set) {
    double y = 0, z = 0, yy = 0, zz = 0, yz = 0;
    SetShares shares(setting.sets);
    for (int64_t row = 0; row < rows.rows(); ++row) {
      shares.Of(rows.cases[static_cast<size_t>(row)]);
      double value = 0;
      for (const auto& active : codes.Row(row)) value += active.latent == 2 ? active.value : 0;
      const double share = shares.share(set);
      y += share, z += value, yy += share * share, zz += value * value, yz += share * value;
    }
    const double expected = (n * yz - y * z) / std::sqrt((n * yy - y * y) * (n * zz - z * z));
    EXPECT_NEAR(association.Correlation(2, set), expected, 1e-5);
  }
}

// What is recommended is a function of the activation, so that sets of one or two items in practice
// would be told by any latent.
TEST(DescribedTest, SetsThatAreOneItemInPracticeDescribeNothing) {
  const ItemSets sets = PlantedSets();
  SampledRows rows;
  for (int i = 0; i < 400; ++i) {
    Case row;
    row.user = i;
    row.ranked = {i % 2 == 0 ? 0 : 1};  // one item of kind0, one of kind1
    rows.cases.push_back(row);
  }
  EXPECT_NEAR(EffectiveItems(rows, sets)[0], 1.0, 1e-9);
  sae::SparseCodes codes;
  for (int i = 0; i < 400; ++i) {
    codes.Append(i % 2 == 0 ? std::vector<sae::LatentActivation>{{0, 1.0f}}
                            : std::vector<sae::LatentActivation>{});
  }
  const Association association = *Associate(rows, codes, 1, sets, Always);
  EXPECT_NEAR(association.Correlation(0, 0), 1.0, 1e-6);
  EXPECT_EQ(Describe(association, false)[0].set, -1);
}

}  // namespace
}  // namespace recsae::explainer
