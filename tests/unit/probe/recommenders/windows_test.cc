// Every training position is trained exactly once an epoch, at any length of context over the
// epochs.
#include "services/probe/recommenders/train/windows.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "services/probe/datasets/readers.h"

namespace recsae::probe {
namespace {

TEST(WindowsTest, HoldEveryTrainingPositionOnce) {
  const auto dataset = GeneratePlanted({.users = 40});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  Random random(5);
  for (int epoch = 0; epoch < 5; ++epoch) {
    std::multiset<std::pair<int32_t, int32_t>> targets;
    for (const Window& window : CutWindows(*dataset, 20, &random)) {
      EXPECT_GE(window.length(), 1);
      EXPECT_LE(window.length(), 20);
      for (int32_t p = window.begin; p < window.end; ++p) targets.insert({window.user, p + 1});
    }
    std::multiset<std::pair<int32_t, int32_t>> expected;
    for (const Case& c : TrainCases(*dataset, 1)) expected.insert({c.user, c.position});
    EXPECT_EQ(targets, expected);
  }
}

TEST(WindowsTest, CutsMoveBetweenEpochs) {
  const auto dataset = GeneratePlanted({.users = 1, .min_length = 60});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  Random random(5);
  std::set<int32_t> first_ends;
  for (int epoch = 0; epoch < 400; ++epoch) {
    for (const Window& window : CutWindows(*dataset, 20, &random)) {
      if (window.begin == 0) first_ends.insert(window.end);
    }
  }
  EXPECT_EQ(first_ends.size(), 20);
}

TEST(WindowsTest, UsersWithOneItemHaveNothingToPredict) {
  Dataset dataset;
  dataset.sequences = {{0}, {}, {0, 1}};
  dataset.train_length = {1, 0, 2};
  Random random(1);
  const auto windows = CutWindows(dataset, 20, &random);
  ASSERT_EQ(windows.size(), 1);
  EXPECT_EQ(windows[0].user, 2);
}

}  // namespace
}  // namespace recsae::probe
