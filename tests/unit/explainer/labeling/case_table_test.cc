#include "services/explainer/labeling/case_table.h"

#include <gtest/gtest.h>

#include <vector>

namespace recsae::explainer {
namespace {

Case CaseOf(int64_t row, std::vector<int32_t> ranked) {
  Case made;
  made.row = row;
  made.ranked = std::move(ranked);
  return made;
}

TEST(CaseTableTest, OrdersTheCasesOfALatentByActivation) {
  CaseTable table(3);
  const std::vector<std::vector<sae::LatentActivation>> codes = {
      {{1, 0.5f}}, {{1, 2.0f}, {2, 1.0f}}, {}, {{1, 0.5f}, {0, 0.0f}}};
  for (size_t i = 0; i < codes.size(); ++i) {
    table.Add(CaseOf(static_cast<int64_t>(i), {7}), codes[i]);
  }
  table.Finish();

  ASSERT_EQ(table.size(), 4);
  ASSERT_EQ(table.Active(1).size(), 3u);
  EXPECT_EQ(table.Active(1)[0].index, 1);
  EXPECT_EQ(table.Active(1)[1].index, 0) << "equal activations: the earlier case first";
  EXPECT_EQ(table.Active(1)[2].index, 3);
  EXPECT_TRUE(table.Active(0).empty()) << "an activation of 0 is none";
  EXPECT_EQ(table.Activation(1, 2), 1.0f);
  EXPECT_EQ(table.Activation(2, 1), 0.0f);
}

}  // namespace
}  // namespace recsae::explainer
