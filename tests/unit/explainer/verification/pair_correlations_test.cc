#include "services/explainer/verification/pair_correlations.h"

#include <gtest/gtest.h>

#include "services/explainer/verification/statistics.h"
#include "tests/unit/explainer/verification/tables.h"

namespace recsae::explainer {
namespace {

using Items = Speaking::Items;

// All pairs of latents and sets, a few of them twice, in no order.
std::vector<LatentAndSet> AllPairs(const ItemSets& sets, uint64_t seed) {
  std::vector<LatentAndSet> pairs;
  for (int32_t latent = 0; latent < kTableLatents; ++latent) {
    for (int32_t set = 0; set < sets.size(); ++set) pairs.push_back({latent, set});
  }
  pairs.insert(pairs.end(), {{0, 0}, {3, 1}, {3, 1}});
  Random(seed).Shuffle(&pairs);
  return pairs;
}

// Over the rows in which an item speaks, without the users of one block; -1 leaves out none.
double Plain(const Table& table, const ItemSets& sets, const LatentAndSet& pair,
             const Speaking& speaking, int block) {
  std::vector<double> activations;
  std::vector<double> shares;
  for (int64_t row = 0; row < table.rows.rows(); ++row) {
    const Case& from = table.rows.cases[static_cast<size_t>(row)];
    const auto [speak, held] = Counts(from, sets, pair.set, speaking);
    if (speak == 0 || from.user % kUserBlocks == block) continue;
    activations.push_back(ActivationIn(table.codes, row, pair.latent));
    shares.push_back(static_cast<double>(held) / speak);
  }
  return PlainPearson(activations, shares);
}

TEST(PairCorrelationsTest, AgreeWithDenseVectorsWholeAndWithoutEachBlock) {
  const ItemSets sets = TableSets();
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const Table table = RandomTable(seed, 250, seed % 2 == 0 ? 80 : 15, seed >= 3);
    const std::vector<LatentAndSet> pairs = AllPairs(sets, seed);
    for (const Items items : {Items::kAll, Items::kDescribing, Items::kTesting}) {
      const Speaking speaking{items, seed};
      const std::vector<PairCorrelation> found =
          *Correlate(table.rows, table.codes, kTableLatents, sets, pairs, speaking, Always);
      ASSERT_EQ(found.size(), pairs.size());
      for (size_t i = 0; i < pairs.size(); ++i) {
        EXPECT_NEAR(found[i].all, Plain(table, sets, pairs[i], speaking, -1), 1e-6);
        for (int block = 0; block < kUserBlocks; ++block) {
          EXPECT_NEAR(found[i].without[static_cast<size_t>(block)],
                      Plain(table, sets, pairs[i], speaking, block), 1e-6);
        }
        EXPECT_EQ(found[i].Error(), JackknifeError(found[i].without));
      }
    }
  }
}

// Items that describe may be whatever they like.
TEST(PairCorrelationsTest, OnlyTestingItemsSpeak) {
  const ItemSets sets = TableSets();
  const Table table = RandomTable(1, 300, 60, false);
  Table other = table;
  Random random(8);
  for (Case& row : other.rows.cases) {
    for (int32_t& item : row.ranked) {
      if (!DescribesItem(1, item)) continue;
      do {
        item = static_cast<int32_t>(random.Below(kTableItems));
      } while (!DescribesItem(1, item));
    }
  }
  const std::vector<LatentAndSet> pairs = AllPairs(sets, 1);
  const auto correlate = [&](const Table& from, Items items) {
    return *Correlate(from.rows, from.codes, kTableLatents, sets, pairs, {items, 1}, Always);
  };
  const auto testing = correlate(table, Items::kTesting);
  const auto same = correlate(other, Items::kTesting);
  const auto all = correlate(table, Items::kAll);
  const auto changed = correlate(other, Items::kAll);
  double change = 0;
  for (size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_EQ(testing[i].all, same[i].all);
    EXPECT_EQ(testing[i].without, same[i].without);
    change += std::abs(all[i].all - changed[i].all);
  }
  EXPECT_GT(change, 1);
}

TEST(PairCorrelationsTest, WhatDoesNotVaryGoesWithNothing) {
  const ItemSets sets = TableSets();
  Table table = RandomTable(2, 200, 40, false);
  // Items of kind 0 alone, of whichever number: its share is 1 everywhere.
  for (Case& row : table.rows.cases) {
    for (int32_t& item : row.ranked) item -= item % kTableKinds;
  }
  std::vector<LatentAndSet> constant;
  for (int32_t set = 0; set < sets.size(); ++set) {
    if (sets.at(set).terms.size() > 1 || sets.at(set).terms[0].second != "kind") continue;
    for (int32_t latent = 0; latent < kTableLatents; ++latent) constant.push_back({latent, set});
  }
  for (int32_t set = 0; set < sets.size(); ++set) constant.push_back({kTableLatents - 1, set});
  ASSERT_GE(constant.size(), size_t{kTableKinds} * kTableLatents);
  const std::vector<PairCorrelation> found =
      *Correlate(table.rows, table.codes, kTableLatents, sets, constant, {}, Always);
  for (const PairCorrelation& none : found) {
    EXPECT_EQ(none.all, 0);
    EXPECT_EQ(none.Error(), 0);
  }
}

TEST(PairCorrelationsTest, NoRowsAndNoPairsAreNoError) {
  const ItemSets sets = TableSets();
  const std::vector<LatentAndSet> one = {{0, 0}};
  const auto found = *Correlate({}, {}, 1, sets, one, {}, Always);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].all, 0);
  const Table table = RandomTable(2, 50, 40, false);
  EXPECT_TRUE(Correlate(table.rows, table.codes, kTableLatents, sets, {}, {}, Always)->empty());
}

TEST(PairCorrelationsTest, ACancelIsHeard) {
  const ItemSets sets = TableSets();
  const Table table = RandomTable(2, 200, 40, false);
  int asked = 0;
  const auto gone = [&] { return ++asked == 2 ? absl::CancelledError("gone") : absl::OkStatus(); };
  const std::vector<LatentAndSet> one = {{0, 0}};
  EXPECT_EQ(
      Correlate(table.rows, table.codes, kTableLatents, sets, one, {}, gone).status().message(),
      "gone");
}

}  // namespace
}  // namespace recsae::explainer
