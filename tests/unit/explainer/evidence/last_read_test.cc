#include "services/explainer/evidence/last_read.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "services/explainer/evidence/compare.h"
#include "tests/unit/explainer/evidence/planted.h"

namespace recsae::explainer {
namespace {

// Rows whose activation lies along the axis of the kind of the item read last; before it stand
// items of other kinds. With `planted` false that item is any.
Sample ReadSample(int users, uint64_t seed, bool planted = true) {
  Random random(seed, 4);
  Sample sample(kPlantedDim, kLastReadRows, seed);
  for (int32_t user = 0; user < users; ++user) {
    const auto kind = static_cast<int32_t>(random.Below(kKinds));
    const auto last = static_cast<int32_t>(random.Below(kKinds * kItemsOfKind));
    std::vector<float> x;
    for (int d = 0; d < kPlantedDim; ++d) {
      x.push_back(static_cast<float>((d == kind ? 1.0 : 0.0) + 0.1 * random.Normal()));
    }
    Case added;
    added.user = user;
    added.ranked = {0};
    added.history = {(kind + 1) % kKinds, (kind + 2) % kKinds,
                     planted ? last - last % kKinds + kind : last};
    sample.Add(x, std::move(added));
  }
  return sample;
}

std::vector<LastRead> Fits(const Sample& sample, const Dictionary& dictionary,
                           const ItemSets& sets) {
  return *FitLastRead(*CodeSample(sample, dictionary, Always), dictionary.latents(),
                      dictionary.is_signed(), sets, sets.Attributes(), Always);
}

TEST(LastReadTest, FindsTheLatentOfTheItemReadLastAlone) {
  const Sample sample = ReadSample(1200, 1);
  const ItemSets sets = PlantedSets();
  const sae::SaeModel model = AxesModel();
  const std::vector<LastRead> fits = Fits(sample, *TrainedDictionary(model), sets);
  ASSERT_EQ(fits.size(), size_t{kKinds});
  for (size_t i = 0; i < fits.size(); ++i) {
    EXPECT_EQ("kind" + std::to_string(fits[i].latent), sets.at(sets.Attributes()[i]).name);
    EXPECT_GT(fits[i].correlation, 0.9);
    EXPECT_GT(fits[i].auc, 0.99);
    EXPECT_GT(fits[i].precision, 0.95);
    EXPECT_NEAR(fits[i].prevalence, 1.0 / kKinds, 0.06);
    EXPECT_GE(fits[i].fired_share, fits[i].prevalence * 0.9);
  }
}

TEST(LastReadTest, ASignedDimensionTellsByEitherSign) {
  Sample turned(kPlantedDim, kLastReadRows, 1);
  const Sample sample = ReadSample(1200, 1);
  for (const Role role : {Role::kDescribe, Role::kThreshold, Role::kMeasure}) {
    const SampledRows& rows = sample.Of(role);
    for (int64_t row = 0; row < rows.rows(); ++row) {
      std::vector<float> x(rows.activations.begin() + row * kPlantedDim,
                           rows.activations.begin() + (row + 1) * kPlantedDim);
      for (float& value : x) value = -value;
      turned.Add(x, rows.cases[static_cast<size_t>(row)]);
    }
  }
  const auto raw = RawDictionary(turned.Of(Role::kDescribe).activations, kPlantedDim);
  for (const LastRead& fit : Fits(turned, *raw, PlantedSets())) {
    EXPECT_GT(fit.correlation, 0.9);
    EXPECT_GT(fit.auc, 0.99);
    EXPECT_EQ(fit.fired_share, 1);
  }
}

TEST(LastReadTest, ChanceTellsNothingOnOtherUsers) {
  const Sample sample = ReadSample(3000, 2, false);
  const auto random =
      *RandomDictionary(sample.Of(Role::kDescribe).activations, kPlantedDim, 200, 2, 2, Always);
  for (const LastRead& fit : Fits(sample, *random, PlantedSets())) {
    EXPECT_LT(fit.correlation, 0.12);
    EXPECT_NEAR(fit.auc, 0.5, 0.08);
  }
}

TEST(LastReadTest, WithoutHistoriesThereIsNothing) {
  const PredictionHead head = PlantedHead(true, 5);
  const sae::SaeModel model = AxesModel();
  EXPECT_TRUE(Fits(PlantedSample(head, 300, 5), *TrainedDictionary(model), PlantedSets()).empty());
}

TEST(CompareLastReadTest, SetsTheSaeBesideRawDimensionsAndRandomDirections) {
  const Sample sample = ReadSample(1200, 3);
  const Comparison comparison =
      *CompareLastRead(sample, PlantedSets(), AxesModel(), CompareOptions(), Always);
  ASSERT_EQ(comparison.dictionaries.size(), 3U);
  EXPECT_EQ(comparison.attributes, kKinds);
  EXPECT_TRUE(comparison.verdicts.empty());
  const DictionaryKind kinds[] = {DictionaryKind::kTrained, DictionaryKind::kRaw,
                                  DictionaryKind::kRandom};
  for (size_t i = 0; i < 3; ++i) {
    const DictionaryScore& score = comparison.dictionaries[i];
    EXPECT_EQ(score.kind, kinds[i]);
    EXPECT_FALSE(score.described.has_value());
    EXPECT_GT(score.active, 0);
    for (const AttributeFit& fit : score.attributes) EXPECT_TRUE(fit.last_read.has_value());
  }
  EXPECT_NE(CompareLastRead(ReadSample(30, 3), PlantedSets(), AxesModel(), CompareOptions(), Always)
                ->missing.find("too few rows"),
            std::string::npos);
}

}  // namespace
}  // namespace recsae::explainer
