// Recommenders of which it is known what raising and removing a latent does.
#include "services/explainer/verification/causal_test.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "tests/unit/explainer/evidence/hand_made.h"
#include "tests/unit/explainer/evidence/planted.h"
#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

// The axes of PlantedHead by number, each a latent that fires by what is above .2 there; against
// `turned` ones, which point the other way and whose codes are negative.
HandMade AxesDictionary(bool turned = false) {
  std::vector<std::vector<float>> directions(kKinds, std::vector<float>(kPlantedDim));
  const float sign = turned ? -1.0f : 1.0f;
  for (size_t kind = 0; kind < kKinds; ++kind) directions[kind][kind] = sign;
  const auto encode = [sign](const float* x) {
    Code code;
    for (int kind = 0; kind < kKinds; ++kind) {
      if (x[kind] > 0.2f) code.push_back({kind, sign * x[kind]});
    }
    return code;
  };
  return HandMade(directions, encode, turned);
}

struct World {
  PredictionHead head = PlantedHead(true, 1);
  ItemSets sets = PlantedSets();
  SampledRows rows;

  explicit World(int users = 400) : rows(PlantedSample(head, users, 1).Of(Role::kMeasure)) {}

  // A history of ten items of the kind whose axis is longest, or, where `wrong`, of that whose axis
  // is shortest.
  void AddHistories(bool wrong) {
    for (size_t row = 0; row < rows.cases.size(); ++row) {
      const float* x = rows.activations.data() + row * kPlantedDim;
      const auto kind =
          (wrong ? std::min_element(x, x + kKinds) : std::max_element(x, x + kKinds)) - x;
      rows.cases[row].history.clear();
      for (int i = 0; i < 10; ++i) {
        rows.cases[row].history.push_back(
            static_cast<int32_t>(kind + kKinds * ((row + static_cast<size_t>(i)) % kItemsOfKind)));
      }
    }
  }
};

// Kind j's set, of which one latent is told; kPlantedSets has one set for each kind, in order.
std::vector<SetDescription> DescribedAs(const std::vector<int32_t>& sets,
                                        double correlation = 0.8) {
  std::vector<SetDescription> descriptions;
  for (const int32_t set : sets) descriptions.push_back({set, set < 0 ? 0 : correlation, 1, 0});
  return descriptions;
}

// Every latent a group of its own.
std::vector<int32_t> OneEach(size_t latents) {
  std::vector<int32_t> leads(latents);
  std::iota(leads.begin(), leads.end(), 0);
  return leads;
}

std::vector<CausalResult> TestIn(const World& world, const Dictionary& dictionary,
                                 const std::vector<SetDescription>& descriptions, uint64_t seed = 0,
                                 const std::vector<int32_t>& leads = {}) {
  const sae::SparseCodes codes =
      *dictionary.Encode(world.rows.activations.data(), world.rows.rows(), Always);
  const std::vector<float> levels = RaisedLevels(codes, descriptions, dictionary.is_signed());
  std::vector<int64_t> firings(descriptions.size());
  for (int64_t row = 0; row < codes.rows(); ++row) {
    for (const auto& [latent, value] : codes.Row(row)) ++firings[static_cast<size_t>(latent)];
  }
  const HistoryPairs pairs(world.rows, world.sets, {});
  const std::vector<int32_t> groups = leads.empty() ? OneEach(descriptions.size()) : leads;
  return *TestCauses({dictionary, world.rows, codes, world.sets, world.head, pairs, descriptions,
                      groups, levels, firings, seed},
                     Always);
}

TEST(CausalTest, ALatentThatBringsWhatIsDescribedPassesAndOthersDoNot) {
  const World world;
  const HandMade dictionary = AxesDictionary();
  const std::vector<CausalResult> right =
      TestIn(world, dictionary, DescribedAs({0, 1, 2, 3, 4, 5}));
  for (const CausalResult& result : right) {
    EXPECT_TRUE(result.passed);
    EXPECT_EQ(result.users, std::min<int64_t>(world.rows.rows(), 200));
    EXPECT_GT(result.raised_share, result.share + 0.2);
    EXPECT_GT(result.raised_share, result.control_share + 0.2);
    EXPECT_GT(result.effect_low, 0.1);
    EXPECT_LT(result.effect_low, result.raised_share - result.control_share);
    EXPECT_LT(result.removed_share, result.firing_share - 0.1);
    EXPECT_LT(result.removed_share, result.removed_control_share - 0.1);
    EXPECT_GT(result.removal_low, 0);
    EXPECT_EQ(result.pairs, 0) << "there are no histories";
  }
  // The same latents under each other's descriptions.
  for (const CausalResult& result : TestIn(world, dictionary, DescribedAs({1, 2, 3, 4, 5, 0}))) {
    EXPECT_FALSE(result.passed);
    EXPECT_LT(result.raised_share, result.share) << "what else is raised takes its place";
    EXPECT_LT(result.effect_low, 0);
    EXPECT_LE(result.removal_low, 0);
  }
}

TEST(CausalTest, WhereItemsHaveDirectionsOfTheirOwnNothingPasses) {
  World world;
  world.head = PlantedHead(false, 2);
  for (const CausalResult& result :
       TestIn(world, AxesDictionary(), DescribedAs({0, 1, 2, 3, 4, 5}))) {
    EXPECT_FALSE(result.passed) << result.raised_share << " " << result.control_share;
  }
}

TEST(CausalTest, SharesAreThoseOfListsRankedAnew) {
  const World world;
  const HandMade dictionary = AxesDictionary();
  const std::vector<SetDescription> descriptions = DescribedAs({0, 2, 1, 3, 4, 5});
  const std::vector<CausalResult> results = TestIn(world, dictionary, descriptions);
  const sae::SparseCodes codes =
      *dictionary.Encode(world.rows.activations.data(), world.rows.rows(), Always);
  const std::vector<float> levels = RaisedLevels(codes, descriptions, false);
  const auto row_of = [&](int64_t row) {
    const auto from = world.rows.activations.begin() + row * kPlantedDim;
    return std::vector<float>(from, from + kPlantedDim);
  };
  const auto activation = [&](int64_t row, size_t latent) {
    for (const auto& [active, value] : codes.Row(row)) {
      if (static_cast<size_t>(active) == latent) return value;
    }
    return 0.0f;
  };
  for (size_t latent = 0; latent < kKinds; ++latent) {
    const auto share_with = [&](std::vector<float> x, float by) {
      x[latent] += by;
      const std::vector<int32_t> ranked = RankedItems(world.head, x, {});
      double held = 0;
      for (size_t i = 0; i < 10; ++i) {
        held += world.sets.Holds(descriptions[latent].set, ranked[i]) ? 0.1 : 0;
      }
      return held;
    };
    double before = 0;
    double raised = 0;
    const int64_t users = std::min<int64_t>(world.rows.rows(), 200);
    for (int64_t row = 0; row < users; ++row) {
      const float by = std::max(levels[latent] - activation(row, latent), 0.0f);
      before += share_with(row_of(row), 0) / static_cast<double>(users);
      raised += share_with(row_of(row), by) / static_cast<double>(users);
    }
    double firing = 0;
    double removed = 0;
    int rows = 0;
    for (int64_t row = 0; row < world.rows.rows() && rows < 50; ++row) {
      if (activation(row, latent) == 0) continue;
      firing += share_with(row_of(row), 0);
      removed += share_with(row_of(row), -activation(row, latent));
      ++rows;
    }
    // As much as one item of two users whose scores come out equal but for a rounding.
    constexpr double kRounding = 2 * 0.1 / 50;
    EXPECT_NEAR(results[latent].share, before, kRounding);
    EXPECT_NEAR(results[latent].raised_share, raised, kRounding);
    EXPECT_NEAR(results[latent].firing_share, firing / rows, kRounding);
    EXPECT_NEAR(results[latent].removed_share, removed / rows, kRounding);
  }
}

TEST(CausalTest, WhatAUserHasSeenIsNotRecommended) {
  World world;
  for (size_t row = 0; row < world.rows.cases.size(); ++row) {
    Case& from = world.rows.cases[row];
    from.history.clear();
    for (int item = 0; item < kKinds * kItemsOfKind; item += kKinds) from.history.push_back(item);
  }
  const std::vector<CausalResult> results =
      TestIn(world, AxesDictionary(), DescribedAs({0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(results[0].raised_share, 0) << "all items of kind 0 are in every history";
  EXPECT_FALSE(results[0].passed);
  EXPECT_TRUE(results[1].passed);
}

// Raising a latent of codes with both signs against its direction.
TEST(CausalTest, DescriptionsOfLowActivationsAreRaisedDownwards) {
  const World world;
  const HandMade turned = AxesDictionary(true);
  for (const CausalResult& result : TestIn(world, turned, DescribedAs({0, 1, 2, 3, 4, 5}, -0.8))) {
    EXPECT_TRUE(result.passed);
    EXPECT_GT(result.removal_low, 0);
  }
  for (const CausalResult& result : TestIn(world, turned, DescribedAs({0, 1, 2, 3, 4, 5}))) {
    EXPECT_FALSE(result.passed);
    EXPECT_EQ(result.users, 0) << "it never fires so";
  }
}

TEST(CausalTest, PairsOfHistoriesHaveTheLastWord) {
  World world(1500);
  const HandMade dictionary = AxesDictionary();
  const std::vector<SetDescription> descriptions = DescribedAs({0, 1, 2, 3, 4, 5});
  world.AddHistories(false);
  for (const CausalResult& result : TestIn(world, dictionary, descriptions)) {
    EXPECT_GE(result.pairs, kFewestPairs);
    EXPECT_GT(result.pair_share, 0.9);
    EXPECT_TRUE(result.passed);
  }
  world.AddHistories(true);
  for (const CausalResult& result : TestIn(world, dictionary, descriptions)) {
    EXPECT_GE(result.pairs, kFewestPairs);
    EXPECT_LT(result.pair_share, 0.1);
    EXPECT_GT(result.effect_low, 0.1);
    EXPECT_FALSE(result.passed) << "raised it brings the items, but it fires for those without";
  }
}

TEST(CausalTest, WithoutDescriptionFiringOrUsersThereIsNoResult) {
  const World world;
  const HandMade dictionary = AxesDictionary();
  const std::vector<CausalResult> some =
      TestIn(world, dictionary, DescribedAs({0, -1, 2, -1, 4, 5}));
  EXPECT_EQ(some[1].users, 0);
  EXPECT_FALSE(some[1].passed);
  EXPECT_GT(some[0].users, 0);

  World nobody;
  nobody.rows = {};
  for (const CausalResult& result : TestIn(nobody, dictionary, DescribedAs({0, 1, 2, 3, 4, 5}))) {
    EXPECT_FALSE(result.passed);
  }
}

// Scores of biases alone, the best items first: all users have one list. The ten best items are a
// set, of which as large a part of the list stays as is looked at of the catalogue.
TEST(CausalTest, OfLargeCataloguesASampleIsRanked) {
  constexpr int kMostItems = 20'000;
  for (const int items : {12, 500, 19'999, kMostItems, 30'000, 60'000}) {
    World world(700);
    std::vector<ItemText> texts(static_cast<size_t>(items));
    world.head.vectors.assign(static_cast<size_t>(items) * kPlantedDim, 0);
    for (int i = 0; i < items; ++i) {
      world.head.biases.push_back(static_cast<float>(items - i));
      texts[static_cast<size_t>(i)].attributes.emplace_back("place", i < 10 ? "top" : "other");
    }
    ItemSetOptions options;
    options.max_share = 1;
    world.sets = *ItemSets::Create(texts, {}, options, Always);
    int32_t top = 0;
    while (world.sets.at(top).name != "top") ++top;
    double share = 0;
    constexpr int kSeeds = 8;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const auto results =
          TestIn(world, AxesDictionary(), DescribedAs({top, top, -1, -1, -1, -1}), seed);
      EXPECT_EQ(results[0].users, 200) << "of " << world.rows.rows();
      EXPECT_DOUBLE_EQ(results[0].raised_share, results[0].share);
      EXPECT_FALSE(results[0].passed);
      share += results[0].share / kSeeds;
      if (items <= kMostItems) break;
    }
    if (items <= kMostItems) {
      EXPECT_NEAR(share, 1.0 / kSeeds, 1e-9) << items;
    } else {
      // Three standard errors.
      const double part = static_cast<double>(kMostItems) / items;
      EXPECT_NEAR(share, part, 3 * std::sqrt(part * (1 - part) / (10 * kSeeds))) << items;
    }
  }
}

TEST(CausalTest, OneUserIsMovedOnce) {
  World world;
  for (Case& row : world.rows.cases) row.user %= 30;
  std::set<int32_t> users;
  for (const Case& row : world.rows.cases) users.insert(row.user);
  const auto results = TestIn(world, AxesDictionary(), DescribedAs({0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(results[0].users, static_cast<int>(users.size()));
}

// Moved in its place, a latent's duplicates bring what it brings: they are no control for it.
TEST(CausalTest, DuplicatesOfOneGroupAreNoControls) {
  const World world;
  const std::vector<int32_t> same(kKinds, 0);
  const auto apart = TestIn(world, AxesDictionary(), DescribedAs({0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(apart[0].passed);
  const auto together = TestIn(world, AxesDictionary(), DescribedAs({0, 1, 2, 3, 4, 5}), 0, same);
  EXPECT_EQ(together[0].users, 0) << "without another latent there is nothing to compare with";
  EXPECT_FALSE(together[0].passed);
}

TEST(CausalTest, ACancelIsHeard) {
  const World world;
  const HandMade dictionary = AxesDictionary();
  const sae::SparseCodes codes =
      *dictionary.Encode(world.rows.activations.data(), world.rows.rows(), Always);
  const std::vector<SetDescription> descriptions = DescribedAs({0, 1, 2, 3, 4, 5});
  const std::vector<float> levels(kKinds, 1.0f);
  const std::vector<int64_t> firings(kKinds, 10);
  const HistoryPairs pairs(world.rows, world.sets, {});
  const std::vector<int32_t> groups = OneEach(descriptions.size());
  for (const int stop : {1, kKinds, kKinds + 1, 2 * kKinds}) {
    int asked = 0;
    const auto gone = [&] {
      return ++asked == stop ? absl::CancelledError("gone") : absl::OkStatus();
    };
    const auto results = TestCauses({dictionary, world.rows, codes, world.sets, world.head, pairs,
                                     descriptions, groups, levels, firings, 0},
                                    gone);
    EXPECT_EQ(results.status().message(), "gone");
    EXPECT_EQ(asked, stop);
  }
}

TEST(RaisedLevelsTest, AreExceededByATenthOfTheFiringsThatGoWithTheDescription) {
  Random random(9);
  constexpr int kLatents = 8;
  sae::SparseCodes codes;
  std::vector<std::vector<float>> values(kLatents);
  for (int row = 0; row < 600; ++row) {
    Code code;
    for (int latent = 0; latent + 1 < kLatents; ++latent) {  // the last never fires
      if (random.Below(static_cast<uint64_t>(latent) + 2) != 0) continue;
      const auto value = static_cast<float>(random.Normal());
      code.push_back({latent, value});
      values[static_cast<size_t>(latent)].push_back(value);
    }
    codes.Append(code);
  }
  for (const bool is_signed : {false, true}) {
    std::vector<SetDescription> descriptions(kLatents);
    for (size_t i = 0; i < kLatents; ++i) descriptions[i].correlation = i % 2 == 0 ? 0.5 : -0.5;
    const std::vector<float> levels = RaisedLevels(codes, descriptions, is_signed);
    ASSERT_EQ(levels.size(), size_t{kLatents});
    for (size_t i = 0; i + 1 < kLatents; ++i) {
      const float sign = is_signed && i % 2 == 1 ? -1.0f : 1.0f;
      EXPECT_GT(sign * levels[i], 0);
      double firings = 0;
      double above = 0;
      for (const float value : values[i]) {
        firings += sign * value > 0 ? 1 : 0;
        above += sign * value > sign * levels[i] ? 1 : 0;
      }
      EXPECT_NEAR(above / firings, 0.1, 1 / firings + 1e-9);
    }
    EXPECT_EQ(levels.back(), 0);
  }
  EXPECT_EQ(RaisedLevels({}, std::vector<SetDescription>(2), true), std::vector<float>(2, 0.0f));
}

}  // namespace
}  // namespace recsae::explainer
