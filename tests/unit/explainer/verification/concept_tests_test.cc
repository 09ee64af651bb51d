// Dictionaries whose latents mean something, and such as mean nothing.
#include "services/explainer/verification/concept_tests.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "services/explainer/verification/pair_correlations.h"
#include "services/explainer/verification/split_half.h"
#include "services/explainer/verification/statistics.h"
#include "tests/unit/explainer/evidence/hand_made.h"
#include "tests/unit/explainer/evidence/planted.h"

namespace recsae::explainer {
namespace {

using Items = Speaking::Items;

struct World {
  PredictionHead head;
  Sample sample;
  ItemSets sets;
  std::vector<double> popularity;

  World(Sample from, PredictionHead with, ItemSets of)
      : head(std::move(with)), sample(std::move(from)), sets(std::move(of)) {}
};

World Planted(int users = 1000, uint64_t seed = 1) {
  PredictionHead head = PlantedHead(true, seed);
  Sample sample = PlantedSample(head, users, seed);
  return World(std::move(sample), std::move(head), PlantedSets());
}

TestedDictionary TestIn(const World& world, const Dictionary& dictionary, bool with_head = true) {
  const ConceptTester tester = *ConceptTester::Create(
      world.sample, world.sets, with_head ? &world.head : nullptr, world.popularity, 64, 4, Always);
  return *tester.Test(dictionary, Always);
}

int CountPassed(const TestedDictionary& tested) {
  return static_cast<int>(std::count_if(tested.tests.begin(), tested.tests.end(),
                                        [](const LatentTests& test) { return test.Passed(); }));
}

TEST(ConceptTestsTest, EveryPlantedLatentPasses) {
  for (const uint64_t seed : {1, 2, 3}) {
    const World world = Planted(1000, seed);
    const sae::SaeModel model = AxesModel();
    const TestedDictionary tested = TestIn(world, *TrainedDictionary(model));
    ASSERT_EQ(tested.tests.size(), size_t{kKinds});
    EXPECT_EQ(tested.kind, DictionaryKind::kTrained);
    EXPECT_EQ(tested.rows, world.sample.Of(Role::kMeasure).rows());
    EXPECT_EQ(tested.users, world.sample.Users(Role::kMeasure));
    for (int latent = 0; latent < kKinds; ++latent) {
      const auto at = static_cast<size_t>(latent);
      const LatentTests& test = tested.tests[at];
      EXPECT_TRUE(test.Passed());
      EXPECT_EQ(world.sets.at(tested.descriptions[at].set).name, "kind" + std::to_string(latent));
      EXPECT_GT(test.predictive.correlation, 0.7);
      EXPECT_LT(test.predictive.low, test.predictive.correlation);
      EXPECT_GT(test.predictive.high, test.predictive.correlation);
      EXPECT_GT(test.predictive.low, test.predictive.null_correlation);
      EXPECT_GT(test.predictive.average_precision, test.predictive.prevalence + 0.3);
      EXPECT_LE(test.predictive.q_value, kFalseDiscoveryRate);
      EXPECT_LE(test.predictive.p_value, test.predictive.q_value);
      ASSERT_TRUE(test.specific.has_value());
      EXPECT_EQ(test.specific->neighbours, kKinds - 1);
      EXPECT_LT(test.specific->nearest_correlation, 0.2);
      EXPECT_NE(test.specific->nearest, latent);
      ASSERT_TRUE(test.causal.has_value());
      EXPECT_TRUE(test.causal->passed);
      EXPECT_EQ(tested.groups[at], latent);
    }
  }
}

TEST(ConceptTestsTest, OfDictionariesThatNobodyTrainedHardlyAnyPass) {
  const World world = Planted(1500);
  const SampledRows& rows = world.sample.Of(Role::kDescribe);
  int passed = 0;
  int predicted = 0;
  constexpr int kLatents = 64;
  constexpr int kSeeds = 4;
  for (uint64_t seed = 100; seed < 100 + kSeeds; ++seed) {
    const auto random = *RandomDictionary(rows.activations, kPlantedDim, kLatents, 4, seed, Always);
    const TestedDictionary tested = TestIn(world, *random);
    EXPECT_EQ(tested.kind, DictionaryKind::kRandom);
    passed += CountPassed(tested);
    for (const LatentTests& test : tested.tests) predicted += test.predictive.passed ? 1 : 0;
  }
  EXPECT_LE(passed, kSeeds * kLatents / 20);
  EXPECT_LE(predicted, kSeeds * kLatents / 5);
}

// Users whose activations say nothing of what is recommended to them.
World Unrelated(uint64_t seed, int users) {
  Random random(seed, 30);
  Sample sample(kPlantedDim, {20'000, 5'000, 4'000}, seed);
  for (int user = 0; user < users; ++user) {
    std::vector<float> x(kPlantedDim);
    for (float& value : x) value = static_cast<float>(random.Normal());
    Case added;
    added.user = user;
    const uint64_t kind = random.Below(kKinds);
    for (int i = 0; i < 10; ++i) {
      added.ranked.push_back(static_cast<int32_t>(random.Below(kItemsOfKind) * kKinds +
                                                  (i < 6 ? kind : random.Below(kKinds))));
    }
    sample.Add(x, std::move(added));
  }
  return World(std::move(sample), PlantedHead(true, seed), PlantedSets());
}

TEST(ConceptTestsTest, WhereActivationsHaveNothingToDoWithItemsNonePasses) {
  int described = 0;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const World world = Unrelated(seed, 900);
    const std::vector<float>& rows = world.sample.Of(Role::kDescribe).activations;
    const sae::SaeModel model = AxesModel();
    std::vector<std::unique_ptr<Dictionary>> dictionaries;
    dictionaries.push_back(TrainedDictionary(model));
    dictionaries.push_back(RawDictionary(rows, kPlantedDim));
    dictionaries.push_back(*RandomDictionary(rows, kPlantedDim, 40, 3, seed + 7, Always));
    for (const auto& dictionary : dictionaries) {
      const TestedDictionary tested = TestIn(world, *dictionary, false);
      for (size_t i = 0; i < tested.tests.size(); ++i) {
        described += tested.descriptions[i].set >= 0 ? 1 : 0;
        EXPECT_FALSE(tested.tests[i].predictive.passed);
        EXPECT_FALSE(tested.tests[i].Passed());
        EXPECT_LT(tested.tests[i].predictive.correlation, kLeastCorrelation);
      }
      EXPECT_EQ(CountPassed(tested), 0);
    }
  }
  EXPECT_GT(described, 500) << "something always goes best";
}

// A random table: users like one kind, and latents fire by noise and by what they like, some more
// and some less. The row of a user is made of the seed and the user alone.
struct Changes {
  uint64_t describing_users = 0;  // else than 0: other rows of these
  uint64_t measured_users = 0;
  // Items that test stand for each other, by this seed.
  uint64_t testing_items = 0;
};

constexpr int kTableLatents = 12;

// Which item stands in an item's place.
std::vector<int32_t> Places(uint64_t seed, uint64_t by) {
  std::vector<int32_t> testing;
  std::vector<int32_t> places(kKinds * kItemsOfKind);
  for (int32_t item = 0; item < kKinds * kItemsOfKind; ++item) {
    places[static_cast<size_t>(item)] = item;
    if (!DescribesItem(seed, item)) testing.push_back(item);
  }
  if (by == 0) return places;
  std::vector<int32_t> dealt = testing;
  Random(by, 41).Shuffle(&dealt);
  for (size_t i = 0; i < testing.size(); ++i) places[static_cast<size_t>(testing[i])] = dealt[i];
  return places;
}

Sample TableSample(uint64_t seed, const Changes& changes) {
  const std::vector<int32_t> places = Places(seed, changes.testing_items);
  Sample sample(kTableLatents, {20'000, 5'000, 4'000}, seed);
  for (int user = 0; user < 700; ++user) {
    const Role role = RoleOf(seed, user);
    const uint64_t change = role == Role::kDescribe  ? changes.describing_users
                            : role == Role::kMeasure ? changes.measured_users
                                                     : 0;
    Random random(Random::Mix(seed, static_cast<uint64_t>(user), change), 42);
    for (int row = 0; row < 2; ++row) {
      const uint64_t kind = random.Below(kKinds);
      std::vector<float> x(kTableLatents);
      for (size_t latent = 0; latent < x.size(); ++latent) {
        const double part = 0.5 + 0.15 * static_cast<double>(latent % 4);
        const double liked = latent % kKinds == kind ? part : 0;
        x[latent] = static_cast<float>(std::max(0.0, liked + 0.3 * random.Normal()));
      }
      Case added;
      added.user = user;
      for (int i = 0; i < 10; ++i) {
        const uint64_t of = random.Below(10) < 7 ? kind : random.Below(kKinds);
        const auto item = random.Below(kItemsOfKind) * kKinds + of;
        added.ranked.push_back(places[static_cast<size_t>(item)]);
      }
      sample.Add(x, std::move(added));
    }
  }
  return sample;
}

// Each dimension is a latent.
HandMade TableDictionary() {
  std::vector<std::vector<float>> directions(kTableLatents, std::vector<float>(kTableLatents));
  for (size_t i = 0; i < kTableLatents; ++i) directions[i][i] = 1;
  return HandMade(directions, [](const float* x) {
    Code code;
    for (int i = 0; i < kTableLatents; ++i) {
      if (x[i] > 0) code.push_back({i, x[i]});
    }
    return code;
  });
}

TestedDictionary TestTable(uint64_t seed, const Changes& changes) {
  const World world(TableSample(seed, changes), PredictionHead(), PlantedSets());
  return TestIn(world, TableDictionary(), false);
}

double Moved(const TestedDictionary& a, const TestedDictionary& b) {
  double moved = 0;
  for (size_t i = 0; i < a.tests.size(); ++i) {
    moved += std::abs(a.tests[i].predictive.correlation - b.tests[i].predictive.correlation);
  }
  return moved;
}

TEST(ConceptTestsPropertyTest, WhoIsMeasuredAndWhatTestsHasNoSayInDescriptions) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const TestedDictionary tested = TestTable(seed, {});
    for (const Changes& changes :
         {Changes{0, 1 + seed, 0}, Changes{0, 0, 1 + seed}, Changes{0, 1 + seed, 1 + seed}}) {
      const TestedDictionary changed = TestTable(seed, changes);
      for (size_t i = 0; i < tested.descriptions.size(); ++i) {
        EXPECT_EQ(tested.descriptions[i].set, changed.descriptions[i].set);
        EXPECT_EQ(tested.descriptions[i].correlation, changed.descriptions[i].correlation);
        if (changes.testing_items != 0) continue;  // lines are fitted to all items
        EXPECT_EQ(tested.descriptions[i].slope, changed.descriptions[i].slope);
        EXPECT_EQ(tested.descriptions[i].intercept, changed.descriptions[i].intercept);
      }
      EXPECT_GT(Moved(tested, changed), 0.05) << "measured is something else";
    }
  }
}

TEST(ConceptTestsPropertyTest, WhoDescribesHasNoSayInWhatIsMeasuredOfADescription) {
  int compared = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const TestedDictionary tested = TestTable(seed, {});
    const TestedDictionary changed = TestTable(seed, {1 + seed, 0, 0});
    bool same_everywhere = true;
    for (size_t i = 0; i < tested.tests.size(); ++i) {
      EXPECT_NE(tested.descriptions[i].correlation, changed.descriptions[i].correlation);
      if (tested.descriptions[i].set != changed.descriptions[i].set) {
        same_everywhere = false;
        continue;
      }
      ++compared;
      const PredictiveResult& a = tested.tests[i].predictive;
      const PredictiveResult& b = changed.tests[i].predictive;
      EXPECT_EQ(a.correlation, b.correlation);
      EXPECT_EQ(a.low, b.low);
      EXPECT_EQ(a.high, b.high);
      EXPECT_EQ(a.average_precision, b.average_precision);
      EXPECT_EQ(a.prevalence, b.prevalence);
    }
    if (!same_everywhere) continue;
    for (size_t i = 0; i < tested.tests.size(); ++i) {
      EXPECT_EQ(tested.tests[i].predictive.null_correlation,
                changed.tests[i].predictive.null_correlation);
    }
  }
  EXPECT_GT(compared, 60) << "of " << 8 * kTableLatents;
}

TEST(ConceptTestsPropertyTest, MeasuredNumbersAreThoseOfTestingItemsOfMeasuredUsers) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const TestedDictionary tested = TestTable(seed, {});
    const Sample sample = TableSample(seed, {});
    const SampledRows& rows = sample.Of(Role::kMeasure);
    const sae::SparseCodes codes =
        *TableDictionary().Encode(rows.activations.data(), rows.rows(), Always);
    std::vector<LatentAndSet> pairs;
    for (int32_t i = 0; i < kTableLatents; ++i) {
      pairs.push_back({i, tested.descriptions[static_cast<size_t>(i)].set});
    }
    auto own = *Correlate(rows, codes, kTableLatents, PlantedSets(), pairs, {Items::kTesting, seed},
                          Always);
    const std::vector<double> of_sets = *WholeListFactors(rows, PlantedSets(), seed, Always);
    std::vector<double> factors;
    for (const LatentAndSet& pair : pairs) {
      factors.push_back(of_sets[static_cast<size_t>(pair.set)]);
    }
    for (size_t i = 0; i < own.size(); ++i) own[i].Scale(factors[i]);
    for (size_t i = 0; i < own.size(); ++i) {
      EXPECT_EQ(tested.tests[i].predictive.correlation, own[i].all);
      EXPECT_NEAR(tested.tests[i].predictive.low, own[i].all - kZ95 * own[i].Error(), 1e-12);
      EXPECT_NEAR(tested.tests[i].predictive.high, own[i].all + kZ95 * own[i].Error(), 1e-12);
      const LatentTests& test = tested.tests[i];
      if (!test.specific) continue;
      auto nearest = *Correlate(rows, codes, kTableLatents, PlantedSets(),
                                std::vector<LatentAndSet>{{test.specific->nearest, pairs[i].set}},
                                {Items::kTesting, seed}, Always);
      nearest[0].Scale(factors[i]);
      EXPECT_EQ(test.specific->nearest_correlation, nearest[0].all);
      PairCorrelation difference;
      for (size_t block = 0; block < kUserBlocks; ++block) {
        difference.without[block] = own[i].without[block] - nearest[0].without[block];
      }
      EXPECT_NEAR(test.specific->difference_low,
                  own[i].all - nearest[0].all - kZ95 * difference.Error(), 1e-12);
      EXPECT_EQ(test.specific->passed, test.specific->difference_low > 0);
      EXPECT_NE(tested.groups[static_cast<size_t>(test.specific->nearest)], tested.groups[i]);
    }
  }
}

TEST(ConceptTestsTest, OneSeedGivesOneResult) {
  const World world = Planted(600);
  const sae::SaeModel model = AxesModel();
  const TestedDictionary a = TestIn(world, *TrainedDictionary(model));
  const TestedDictionary b = TestIn(world, *TrainedDictionary(model));
  for (size_t i = 0; i < a.tests.size(); ++i) {
    EXPECT_EQ(a.tests[i].predictive.p_value, b.tests[i].predictive.p_value);
    EXPECT_EQ(a.tests[i].specific->difference_low, b.tests[i].specific->difference_low);
    EXPECT_EQ(a.tests[i].causal->effect_low, b.tests[i].causal->effect_low);
  }
}

// Two latents of one direction that fire together are one thing, and no rivals.
TEST(ConceptTestsTest, DuplicatesAreOneGroupAndNotSetAgainstEachOther) {
  const World world = Planted();
  std::vector<std::vector<float>> directions(kKinds + 1, std::vector<float>(kPlantedDim));
  for (size_t i = 0; i <= kKinds; ++i) directions[i][i % kKinds] = 1;
  const HandMade dictionary(directions, [](const float* x) {
    Code code;
    for (int i = 0; i <= kKinds; ++i) {
      const float value = x[i % kKinds];
      if (value > 0.3f) code.push_back({i, i == kKinds ? 0.5f * value : value});
    }
    return code;
  });
  const TestedDictionary tested = TestIn(world, dictionary);
  EXPECT_EQ(tested.groups[0], tested.groups[kKinds]);
  ASSERT_TRUE(tested.tests[0].specific.has_value());
  EXPECT_NE(tested.tests[0].specific->nearest, kKinds);
  EXPECT_TRUE(tested.tests[0].specific->passed);
  EXPECT_TRUE(tested.tests[kKinds].specific->passed);
}

TEST(ConceptTestsTest, WithoutAHeadThereIsNoCausalTestAndOfOneLatentNoSpecificOne) {
  const World world = Planted();
  const sae::SaeModel model = AxesModel();
  const TestedDictionary inner = TestIn(world, *TrainedDictionary(model), false);
  for (const LatentTests& test : inner.tests) {
    EXPECT_FALSE(test.causal.has_value());
    EXPECT_TRUE(test.Passed());
  }
  std::vector<float> axis(kPlantedDim);
  axis[0] = 1;
  const HandMade one({axis}, [](const float* x) { return x[0] > 0.3f ? Code{{0, x[0]}} : Code(); });
  const TestedDictionary alone = TestIn(world, one);
  EXPECT_FALSE(alone.tests[0].specific.has_value());
  EXPECT_GT(alone.tests[0].predictive.correlation, 0.7);
}

TEST(ConceptTestsTest, LatentsThatNeverFireAreNotDescribedAndPassNothing) {
  const World world = Planted();
  const std::vector<std::vector<float>> directions(3, std::vector<float>(kPlantedDim, 1));
  const HandMade silent(directions, [](const float* /*x*/) { return Code(); });
  const TestedDictionary tested = TestIn(world, silent);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(tested.descriptions[i].set, -1);
    EXPECT_FALSE(tested.tests[i].Passed());
    EXPECT_FALSE(tested.tests[i].specific.has_value());
    EXPECT_FALSE(tested.tests[i].causal.has_value());
    EXPECT_EQ(tested.groups[i], static_cast<int32_t>(i));
  }
}

TEST(ConceptTestsTest, EveryTestThatIsThereMustBePassed) {
  LatentTests test;
  EXPECT_FALSE(test.Passed());
  test.predictive.passed = true;
  EXPECT_TRUE(test.Passed());
  test.specific.emplace();
  EXPECT_FALSE(test.Passed());
  test.specific->passed = true;
  EXPECT_TRUE(test.Passed());
  test.causal.emplace();
  EXPECT_FALSE(test.Passed());
  test.causal->passed = true;
  EXPECT_TRUE(test.Passed());
}

TEST(ConceptTestsTest, SaysWhyNothingCanBeTested) {
  EXPECT_EQ(WhyUntested(Planted().sample, PlantedSets()), "");
  EXPECT_NE(WhyUntested(Planted(30).sample, PlantedSets()).find("too few rows"), std::string::npos);
  const ItemSets none = *ItemSets::Create(std::vector<ItemText>(10), {}, ItemSetOptions(), Always);
  EXPECT_NE(WhyUntested(Planted().sample, none).find("no attribute"), std::string::npos);
}

// Wherever the work is.
TEST(ConceptTestsTest, ACancelIsHeard) {
  const World world = Planted(300);
  const sae::SaeModel model = AxesModel();
  const auto dictionary = TrainedDictionary(model);
  const auto run = [&](Alive alive) -> absl::Status {
    const auto tester = ConceptTester::Create(world.sample, world.sets, &world.head,
                                              world.popularity, 64, 4, alive);
    if (!tester.ok()) return tester.status();
    return tester->Test(*dictionary, alive).status();
  };
  int all = 0;
  ASSERT_TRUE(run([&] {
                ++all;
                return absl::OkStatus();
              }).ok());
  ASSERT_GT(all, 20);
  for (int stop = 1; stop <= all; ++stop) {
    int asked = 0;
    const absl::Status status =
        run([&] { return ++asked >= stop ? absl::CancelledError("gone") : absl::OkStatus(); });
    EXPECT_EQ(status.message(), "gone");
    EXPECT_EQ(asked, stop) << "nothing is done after it";
  }
}

}  // namespace
}  // namespace recsae::explainer
