#include "services/explainer/steering/group_direction.h"

#include <gtest/gtest.h>

namespace recsae::explainer {
namespace {

TEST(GroupDirection, EachLatentGetsItsShareInItsOwnDeviations) {
  const std::vector<LatentFiring> group = {{3, 30, 2, 0.5}, {7, 20, 1, 4}};
  const std::vector<LatentEdit> edits = AddAlongGroup(group, 8);
  ASSERT_EQ(edits.size(), 2U);
  EXPECT_EQ(edits[0].latent, 3);
  EXPECT_EQ(edits[0].operation, LatentEdit::Operation::kAdd);
  EXPECT_DOUBLE_EQ(edits[0].value, 8 * 0.75 * 0.5);
  EXPECT_EQ(edits[1].latent, 7);
  EXPECT_DOUBLE_EQ(edits[1].value, 8 * 0.25 * 4);
}

TEST(GroupDirection, ALatentAloneGetsAllAndWhatIsNotKnownIsShared) {
  EXPECT_DOUBLE_EQ(AddAlongGroup(std::vector<LatentFiring>{{3, 30, 2, 0.5}}, 4)[0].value, 2);
  EXPECT_DOUBLE_EQ(AddAlongGroup(std::vector<LatentFiring>{{3, 0, 0, 0.5}}, 4)[0].value, 2);
  EXPECT_DOUBLE_EQ(AddAlongGroup(std::vector<LatentFiring>{{1, 0, 0, 1}, {2, 0, 0, 3}}, 4)[1].value,
                   6);
  EXPECT_TRUE(AddAlongGroup({}, 4).empty());
}

}  // namespace
}  // namespace recsae::explainer
