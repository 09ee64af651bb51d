#include "services/explainer/evidence/described.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/unit/explainer/evidence/planted.h"

namespace recsae::explainer {
namespace {

using Items = Speaking::Items;

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
  measured.association =
      *Associate(describe, codes, dictionary.latents(), setting.sets, {}, Always);
  measured.descriptions = *DescribeLatents(measured.association, describe, codes, setting.sets,
                                           dictionary.is_signed(), Always);
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

// Rows and codes of users who describe.
struct Coded {
  SampledRows rows;
  sae::SparseCodes codes;
  int latents = 0;
};

Coded CodedBy(const Setting& setting, const Dictionary& dictionary) {
  const SampledRows& rows = setting.sample.Of(Role::kDescribe);
  return {rows, *dictionary.Encode(rows.activations.data(), rows.rows(), Always),
          dictionary.latents()};
}

// Of each row in which an item speaks: a latent's activation and a set's share.
struct Points {
  std::vector<double> activations;
  std::vector<double> shares;
};

Points PointsOf(const Coded& coded, const ItemSets& sets, int latent, int32_t set,
                const Speaking& speaking) {
  Points points;
  for (int64_t row = 0; row < coded.rows.rows(); ++row) {
    double speak = 0;
    double held = 0;
    for (const int32_t item : coded.rows.cases[static_cast<size_t>(row)].ranked) {
      if (!speaking(item)) continue;
      ++speak;
      held += set >= 0 && sets.Holds(set, item) ? 1 : 0;
    }
    if (speak == 0) continue;
    points.shares.push_back(held / speak);
    points.activations.push_back(0);
    for (const auto& active : coded.codes.Row(row)) {
      if (active.latent == latent) points.activations.back() = active.value;
    }
  }
  return points;
}

double MeanOver(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Sum of products about the means.
double Products(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - MeanOver(a)) * (b[i] - MeanOver(b));
  return sum;
}

TEST(DescribedTest, CorrelationIsPearsonsOverTheRowsThatSpeak) {
  const Setting setting(true);
  const auto dictionary = ComponentsDictionary(setting.sample.Of(Role::kDescribe).activations,
                                               kPlantedDim);  // codes of both signs
  const Coded coded = CodedBy(setting, *dictionary);
  for (const Items items : {Items::kAll, Items::kDescribing, Items::kTesting}) {
    const Speaking speaking{items, 1};
    const Association association =
        *Associate(coded.rows, coded.codes, coded.latents, setting.sets, speaking, Always);
    for (int32_t set = 0; set < setting.sets.size(); ++set) {
      const auto [z, y] = PointsOf(coded, setting.sets, 2, set, speaking);
      EXPECT_EQ(association.rows, static_cast<int64_t>(y.size()));
      EXPECT_NEAR(association.Correlation(2, set),
                  Products(z, y) / std::sqrt(Products(z, z) * Products(y, y)), 1e-5);
      EXPECT_NEAR(association.Covariance(2, set), Products(z, y) / static_cast<double>(y.size()),
                  1e-5);
      EXPECT_EQ(association.set_rows[static_cast<size_t>(set)],
                std::count_if(y.begin(), y.end(), [](double share) { return share > 0; }));
    }
  }
}

TEST(DescribedTest, LinesAreThoseOfLeastSquares) {
  const Setting setting(true);
  const std::vector<float>& rows = setting.sample.Of(Role::kDescribe).activations;
  std::vector<std::unique_ptr<Dictionary>> dictionaries;
  dictionaries.push_back(ComponentsDictionary(rows, kPlantedDim));
  dictionaries.push_back(*RandomDictionary(rows, kPlantedDim, 30, 3, 2, Always));
  for (const auto& dictionary : dictionaries) {
    const Coded coded = CodedBy(setting, *dictionary);
    std::vector<SetDescription> descriptions(static_cast<size_t>(coded.latents));
    for (size_t i = 0; i < descriptions.size(); ++i) {
      descriptions[i].set = static_cast<int32_t>(i % 7) - 1;  // -1: none
      descriptions[i].correlation = 0.25;
    }
    ASSERT_TRUE(FitLines(coded.rows, coded.codes, setting.sets, descriptions, Always).ok());
    for (size_t i = 0; i < descriptions.size(); ++i) {
      const SetDescription& line = descriptions[i];
      const auto [z, y] = PointsOf(coded, setting.sets, static_cast<int>(i), line.set, {});
      const double slope = line.set < 0 ? 0 : Products(z, y) / Products(y, y);
      EXPECT_NEAR(line.slope, slope, 1e-4);
      EXPECT_NEAR(line.intercept, MeanOver(z) - slope * MeanOver(y), 1e-4);
      EXPECT_EQ(line.set, static_cast<int32_t>(i % 7) - 1);
      EXPECT_EQ(line.correlation, 0.25) << "lines alone are fitted";
    }
  }
}

TEST(DescribedTest, ASetThatDoesNotVaryPredictsTheMean) {
  const ItemSets sets = PlantedSets();
  SampledRows rows;
  sae::SparseCodes codes;
  for (int i = 0; i < 40; ++i) {
    Case row;
    for (int item = 0; item < 3 + i % 7; ++item) row.ranked.push_back(item * kKinds);
    rows.cases.push_back(row);
    codes.Append(std::vector<sae::LatentActivation>{{0, static_cast<float>(i % 4)}});
  }
  std::vector<SetDescription> descriptions = {{0, 0.5, 7, 7}};
  descriptions[0].slope = 0;
  ASSERT_TRUE(FitLines(rows, codes, sets, descriptions, Always).ok());
  EXPECT_EQ(descriptions[0].slope, 0);
  EXPECT_NEAR(descriptions[0].intercept, 1.5, 1e-9);
}

// Over rows whose testing items are others: nothing that decides changes.
TEST(DescribedTest, TestingItemsHaveNoSay) {
  const Setting setting(true);
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const auto dictionary = *RandomDictionary(setting.sample.Of(Role::kDescribe).activations,
                                              kPlantedDim, 40, 3, seed, Always);
    const Coded coded = CodedBy(setting, *dictionary);
    Random random(seed, 8);
    SampledRows other = coded.rows;
    for (Case& row : other.cases) {
      for (int32_t& item : row.ranked) {
        if (DescribesItem(seed, item)) continue;
        do {  // few of them, so that sets come to be few items in practice
          item = static_cast<int32_t>(random.Below(12));
        } while (DescribesItem(seed, item));
      }
    }
    const auto associate = [&](const SampledRows& rows, Items items) {
      return *Associate(rows, coded.codes, coded.latents, setting.sets, {items, seed}, Always);
    };
    const Association before = associate(coded.rows, Items::kDescribing);
    const Association after = associate(other, Items::kDescribing);
    EXPECT_EQ(before.set_items, after.set_items);
    EXPECT_EQ(before.set_rows, after.set_rows);
    EXPECT_NE(associate(coded.rows, Items::kAll).set_items,
              associate(other, Items::kAll).set_items);
    const std::vector<SetDescription> descriptions = Describe(before, setting.sets, false);
    const std::vector<SetDescription> same = Describe(after, setting.sets, false);
    for (size_t i = 0; i < descriptions.size(); ++i) {
      EXPECT_EQ(descriptions[i].set, same[i].set);
      EXPECT_EQ(descriptions[i].correlation, same[i].correlation);
    }
  }
}

// Correlations made up: [latents][sets], of sets of one term, then of two.
class ChoiceTest : public ::testing::Test {
 protected:
  static ItemSets MakeSets() {
    std::vector<ItemText> texts;
    for (int i = 0; i < 120; ++i) {
      texts.push_back(
          {"", {{"kind", "k" + std::to_string(i % 3)}, {"shelf", "s" + std::to_string(i % 4)}}});
    }
    return *ItemSets::Create(texts, {}, ItemSetOptions(), Always);
  }

  Association Made(const std::vector<std::pair<int32_t, double>>& correlations) const {
    constexpr double kRows = 1000;
    Association made;
    made.rows = static_cast<int64_t>(kRows);
    made.sets = sets_.size();
    made.latents = 1;
    const auto count = static_cast<size_t>(sets_.size());
    made.set_sum.assign(count, 0);
    made.set_squares.assign(count, kRows);
    made.set_rows.assign(count, 20);
    made.set_items.assign(count, kFewestItems);
    made.latent_sum = {0};
    made.latent_squares = {kRows};
    made.products.assign(count, 0);
    for (const auto& [set, r] : correlations) {
      made.products[static_cast<size_t>(set)] = static_cast<float>(r * kRows);
    }
    return made;
  }

  SetDescription Choose(const Association& association, bool is_signed = false) const {
    return Describe(association, sets_, is_signed)[0];
  }

  const ItemSets sets_ = MakeSets();
  const int32_t one_ = 1;
  const int32_t another_ = 4;
  const int32_t pair_ = 9;
};

TEST_F(ChoiceTest, ASetOfFewerTermsThatIsNearlyAsGoodIsTaken) {
  ASSERT_EQ(sets_.at(one_).terms.size(), 1u);
  ASSERT_EQ(sets_.at(another_).terms.size(), 1u);
  ASSERT_EQ(sets_.at(pair_).terms.size(), 2u);
  EXPECT_EQ(Choose(Made({{pair_, 0.8}, {one_, 0.8 * 0.901}})).set, one_);
  EXPECT_NEAR(Choose(Made({{pair_, 0.8}, {one_, 0.8 * 0.901}})).correlation, 0.8 * 0.901, 1e-5);
  EXPECT_EQ(Choose(Made({{pair_, 0.8}, {one_, 0.8 * 0.899}})).set, pair_);
  // Of those of one term, the best.
  EXPECT_EQ(Choose(Made({{pair_, 0.8}, {one_, 0.77}, {another_, 0.78}})).set, another_);
  EXPECT_EQ(Choose(Made({{one_, 0.77}, {another_, 0.78}})).set, another_);
  EXPECT_EQ(Choose(Made({{pair_, 0.78}, {pair_ + 1, 0.8}})).set, pair_ + 1);
  // One of more terms is not taken for being better by little.
  EXPECT_EQ(Choose(Made({{pair_, 0.81}, {one_, 0.8}})).set, one_);
}

TEST_F(ChoiceTest, LowActivationsAreDescribedWhereCodesHaveBothSigns) {
  const Association against = Made({{pair_, -0.8}, {one_, -0.77}, {another_, 0.5}});
  EXPECT_EQ(Choose(against, true).set, one_);
  EXPECT_NEAR(Choose(against, true).correlation, -0.77, 1e-5);
  EXPECT_EQ(Choose(against, false).set, another_);
  EXPECT_EQ(Choose(Made({{pair_, -0.8}}), false).set, -1);
  EXPECT_EQ(Choose(Made({}), true).set, -1);
}

TEST_F(ChoiceTest, SetsOfFewRowsOrItemsAreNotTakenAndSetNoBar) {
  Association rare = Made({{pair_, 0.9}, {one_, 0.5}});
  rare.set_rows[static_cast<size_t>(pair_)] = 19;
  EXPECT_EQ(Choose(rare).set, one_);
  Association narrow = Made({{pair_, 0.9}, {one_, 0.5}});
  narrow.set_items[static_cast<size_t>(pair_)] = kFewestItems - 0.1;
  EXPECT_EQ(Choose(narrow).set, one_);
}

TEST(DescribedTest, EffectiveItemsAreTwiceThoseThatSpeakWhereHalfDo) {
  const ItemSets sets = PlantedSets();
  SampledRows rows;
  int describing = 0;
  for (int i = 0; i < kItemsOfKind; ++i) {  // each of kind 0 twice
    Case row;
    row.ranked = {i * kKinds, i * kKinds};
    rows.cases.push_back(row);
    describing += DescribesItem(3, i * kKinds) ? 1 : 0;
  }
  EXPECT_NEAR(EffectiveItems(rows, sets, {})[0], kItemsOfKind, 1e-9);
  EXPECT_NEAR(EffectiveItems(rows, sets, {Items::kDescribing, 3})[0], 2 * describing, 1e-9);
  EXPECT_NEAR(EffectiveItems(rows, sets, {Items::kTesting, 3})[0], 2 * (kItemsOfKind - describing),
              1e-9);
  EXPECT_EQ(EffectiveItems(rows, sets, {})[1], 0);
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
  EXPECT_NEAR(EffectiveItems(rows, sets, {})[0], 1.0, 1e-9);
  sae::SparseCodes codes;
  for (int i = 0; i < 400; ++i) {
    codes.Append(i % 2 == 0 ? std::vector<sae::LatentActivation>{{0, 1.0f}}
                            : std::vector<sae::LatentActivation>{});
  }
  const Association association = *Associate(rows, codes, 1, sets, {}, Always);
  EXPECT_NEAR(association.Correlation(0, 0), 1.0, 1e-6);
  EXPECT_EQ(Describe(association, sets, false)[0].set, -1);
}

}  // namespace
}  // namespace recsae::explainer
