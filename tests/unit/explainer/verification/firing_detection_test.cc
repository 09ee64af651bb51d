#include "services/explainer/verification/firing_detection.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/unit/explainer/verification/tables.h"

namespace recsae::explainer {
namespace {

using Items = Speaking::Items;

// Of each row in which an item speaks: the share of the set as a fraction of whole numbers, and
// whether the latent fires.
struct Scored {
  int speak;
  int held;
  bool fires;
};

std::vector<Scored> ScoredRows(const Table& table, const ItemSets& sets, const LatentAndSet& pair,
                               const Speaking& speaking) {
  std::vector<Scored> scored;
  for (int64_t row = 0; row < table.rows.rows(); ++row) {
    const auto [speak, held] =
        Counts(table.rows.cases[static_cast<size_t>(row)], sets, pair.set, speaking);
    if (speak == 0) continue;
    scored.push_back({speak, held, ActivationIn(table.codes, row, pair.latent) > 0});
  }
  return scored;
}

// As scikit-learn does: over falling thresholds, rows of equal score together, the sum of what
// recall gains times the precision there.
double PlainAveragePrecision(std::vector<Scored> rows) {
  const auto higher = [](const Scored& a, const Scored& b) {
    return a.held * b.speak > b.held * a.speak;
  };
  std::stable_sort(rows.begin(), rows.end(), higher);
  double all = 0;
  for (const Scored& row : rows) all += row.fires ? 1 : 0;
  if (all == 0) return 0;
  double sum = 0;
  double hits = 0;
  double recall = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    hits += rows[i].fires ? 1 : 0;
    if (i + 1 < rows.size() && !higher(rows[i], rows[i + 1])) continue;
    sum += (hits / all - recall) * hits / static_cast<double>(i + 1);
    recall = hits / all;
  }
  return sum;
}

TEST(FiringDetectionTest, AgreesWithThresholdsInOrder) {
  const ItemSets sets = TableSets();
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Table table = RandomTable(seed, 400, 60, seed >= 4);
    for (const Items items : {Items::kAll, Items::kDescribing, Items::kTesting}) {
      const Speaking speaking{items, seed};
      for (int32_t set = 0; set < sets.size(); ++set) {
        std::vector<LatentAndSet> pairs;  // no latent twice, some of one set
        for (int32_t latent = kTableLatents - 1; latent >= 0; --latent) {
          pairs.push_back({latent, latent % 2 == 0 ? set : (set + latent) % sets.size()});
        }
        const std::vector<FiringDetection> found =
            *DetectFirings(table.rows, table.codes, kTableLatents, sets, pairs, speaking, Always);
        ASSERT_EQ(found.size(), pairs.size());
        for (size_t i = 0; i < pairs.size(); ++i) {
          const std::vector<Scored> rows = ScoredRows(table, sets, pairs[i], speaking);
          double fired = 0;
          for (const Scored& row : rows) fired += row.fires ? 1 : 0;
          EXPECT_NEAR(found[i].prevalence, fired / static_cast<double>(rows.size()), 1e-12);
          EXPECT_NEAR(found[i].average_precision, PlainAveragePrecision(rows), 1e-12)
              << "seed " << seed << " latent " << pairs[i].latent << " set " << pairs[i].set;
        }
      }
    }
  }
}

// Rows of one latent: whether it fires on each, and how many of `count` items are of kind 0.
FiringDetection DetectIn(const std::vector<std::pair<bool, int>>& rows, int count) {
  const ItemSets sets = TableSets();
  Table table;
  for (const auto& [fires, of_kind] : rows) {
    Case row;
    for (int i = 0; i < count; ++i) {
      row.ranked.push_back(kTableKinds * i + (i < of_kind ? 0 : 1));
    }
    table.rows.cases.push_back(std::move(row));
    table.codes.Append(fires ? std::vector<sae::LatentActivation>{{0, 1.0f}}
                             : std::vector<sae::LatentActivation>{{0, -1.0f}});
  }
  const std::vector<LatentAndSet> pair = {{0, 0}};
  EXPECT_EQ(sets.at(0).name, "kind0");
  return (*DetectFirings(table.rows, table.codes, 1, sets, pair, {}, Always))[0];
}

TEST(FiringDetectionTest, IsOneWhereTheShareTellsAllAndThePrevalenceWhereItTellsNothing) {
  const FiringDetection all = DetectIn({{true, 5}, {false, 1}, {true, 4}, {false, 0}}, 5);
  EXPECT_EQ(all.average_precision, 1);
  EXPECT_EQ(all.prevalence, 0.5);
  for (const int same : {0, 3, 5}) {
    const FiringDetection none =
        DetectIn({{true, same}, {false, same}, {false, same}, {false, same}}, 5);
    EXPECT_EQ(none.average_precision, 0.25);
    EXPECT_EQ(none.prevalence, 0.25);
  }
  // Found last of three, and then only with all rows that hold nothing.
  EXPECT_DOUBLE_EQ(DetectIn({{true, 0}, {false, 2}, {false, 0}, {true, 3}}, 5).average_precision,
                   0.5 * 1 + 0.5 * 0.5);
}

TEST(FiringDetectionTest, NothingFiresBelowZero) {
  const FiringDetection never = DetectIn({{false, 5}, {false, 0}}, 5);
  EXPECT_EQ(never.average_precision, 0);
  EXPECT_EQ(never.prevalence, 0);
}

// Two of three items and six of nine are the same share, however many roundings lie between.
TEST(FiringDetectionTest, EqualSharesOfDifferentCountsTie) {
  const ItemSets sets = TableSets();
  const std::vector<LatentAndSet> pair = {{0, 0}};
  for (int parts = 2; parts <= 10; ++parts) {
    for (int held = 1; held <= parts; ++held) {
      for (int times = 2; times * parts <= 30; ++times) {
        Table table;
        for (const int by : {1, times}) {
          Case row;
          for (int i = 0; i < by * parts; ++i) {
            row.ranked.push_back(kTableKinds * (i % 30) + (i < by * held ? 0 : 1));
          }
          table.rows.cases.push_back(std::move(row));
        }
        table.codes.Append(std::vector<sae::LatentActivation>{{0, 1.0f}});
        table.codes.Append({});
        const auto found = *DetectFirings(table.rows, table.codes, 1, sets, pair, {}, Always);
        EXPECT_EQ(found[0].average_precision, 0.5)
            << held << " of " << parts << ", and " << times << " times as many";
      }
    }
  }
}

TEST(FiringDetectionTest, ACancelIsHeard) {
  const Table table = RandomTable(1, 200, 60, false);
  const std::vector<LatentAndSet> pair = {{0, 0}};
  const auto gone = [] { return absl::CancelledError("gone"); };
  EXPECT_EQ(DetectFirings(table.rows, table.codes, kTableLatents, TableSets(), pair, {}, gone)
                .status()
                .message(),
            "gone");
}

}  // namespace
}  // namespace recsae::explainer
