#include "services/explainer/evidence/breadth.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/unit/explainer/evidence/planted.h"

namespace recsae::explainer {
namespace {

std::vector<AttributeFit> Score(const Sample& sample, const Dictionary& dictionary,
                                const ItemSets& sets) {
  const CodedSample coded = *CodeSample(sample, dictionary, Always);
  const Association association = *Associate(coded.rows(Role::kDescribe), coded.of(Role::kDescribe),
                                             dictionary.latents(), sets, {}, Always);
  return *FitAttributes(coded, association, dictionary.is_signed(), sets, sets.Attributes(),
                        Always);
}

TEST(BreadthTest, FindsTheLatentOfEachPlantedKind) {
  const PredictionHead head = PlantedHead(true, 1);
  const Sample sample = PlantedSample(head, 900, 1);
  const ItemSets sets = PlantedSets();
  const sae::SaeModel model = AxesModel();
  const std::vector<AttributeFit> scores = Score(sample, *TrainedDictionary(model), sets);
  ASSERT_EQ(scores.size(), size_t{kKinds});
  for (const AttributeFit& score : scores) {
    EXPECT_EQ("kind" + std::to_string(score.latent), sets.at(score.set).name);
    EXPECT_GT(score.correlation, 0.7);
    EXPECT_GT(score.f1, 0.6);
    EXPECT_GT(score.precision, 0.5);
    EXPECT_NEAR(score.prevalence, 1.0 / kKinds, 0.08);
    EXPECT_GT(score.probe_r2[0], 0.5);
    EXPECT_GE(score.probe_r2[2], score.probe_r2[0] - 0.02);
  }
}

TEST(BreadthTest, ChanceTellsNothingOnOtherUsers) {
  const PredictionHead head = PlantedHead(false, 3);
  const Sample sample = PlantedSample(head, 1500, 3, false);
  const ItemSets sets = PlantedSets();
  const auto dictionary =
      *RandomDictionary(sample.Of(Role::kDescribe).activations, kPlantedDim, 200, 2, 3, Always);
  double mean = 0;
  for (const AttributeFit& score : Score(sample, *dictionary, sets)) {
    mean += score.correlation / kKinds;
  }
  EXPECT_LT(mean, 0.25);
}

// The same rows, of users who have read items of the kind after the one recommended first.
Sample WithHistories(const Sample& sample, uint64_t seed) {
  Sample read(kPlantedDim, {20'000, 5'000, 4'000}, seed);
  for (const Role role : {Role::kDescribe, Role::kThreshold, Role::kMeasure}) {
    const SampledRows& rows = sample.Of(role);
    for (int64_t row = 0; row < rows.rows(); ++row) {
      Case added = rows.cases[static_cast<size_t>(row)];
      const int32_t kind = (added.ranked[0] + 1) % kKinds;
      for (int32_t i = 0; i < 20; ++i) {
        // The last ten alone count.
        added.history.push_back(i < 10 ? (kind + 2) % kKinds : kind + kKinds * i);
      }
      read.Add({rows.activations.data() + row * kPlantedDim, kPlantedDim}, std::move(added));
    }
  }
  return read;
}

TEST(ReadTest, FindsTheLatentOfWhatIsReadAndNotOfWhatIsRecommended) {
  const PredictionHead head = PlantedHead(true, 5);
  const Sample sample = WithHistories(PlantedSample(head, 900, 5), 5);
  const ItemSets sets = PlantedSets();
  const sae::SaeModel model = AxesModel();
  const auto dictionary = TrainedDictionary(model);
  std::vector<AttributeFit> scores = Score(sample, *dictionary, sets);
  const CodedSample coded = *CodeSample(sample, *dictionary, Always);
  ASSERT_TRUE(FitRead(coded, kKinds, false, sets, scores, Always).ok());
  for (const AttributeFit& score : scores) {
    EXPECT_EQ("kind" + std::to_string(score.latent), sets.at(score.set).name);
    EXPECT_EQ("kind" + std::to_string((score.read_latent + 1) % kKinds), sets.at(score.set).name);
    EXPECT_GT(score.read_correlation, 0.5);
  }
}

TEST(ReadTest, WithoutHistoriesThereIsNoSuchLatent) {
  const PredictionHead head = PlantedHead(true, 5);
  const Sample sample = PlantedSample(head, 300, 5);
  const sae::SaeModel model = AxesModel();
  std::vector<AttributeFit> scores = Score(sample, *TrainedDictionary(model), PlantedSets());
  CodedSample coded{&sample, {}};
  ASSERT_TRUE(FitRead(coded, kKinds, false, PlantedSets(), scores, Always).ok());
  for (const AttributeFit& score : scores) EXPECT_EQ(score.read_latent, -1);
}

}  // namespace
}  // namespace recsae::explainer
