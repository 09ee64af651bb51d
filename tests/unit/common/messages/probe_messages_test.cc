#include "common/messages/probe_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

probe::v1::ReadPredictionHeadResponse Rows(const std::vector<std::string>& ids,
                                           const std::vector<float>& vectors,
                                           const std::vector<float>& biases = {}) {
  probe::v1::ReadPredictionHeadResponse message;
  for (const std::string& id : ids) message.add_item_ids(id);
  WriteMatrix({vectors.data(), static_cast<int64_t>(ids.size()), 2}, message.mutable_vectors());
  if (!biases.empty()) WriteVector(biases, message.mutable_biases());
  return message;
}

TEST(AddRows, NumbersItemsInTheOrderOfTheMessages) {
  NumberedHead head;
  head.head.dim = 2;
  ASSERT_TRUE(AddRows(Rows({"b", "a"}, {1, 2, 3, 4}, {0.5, 0.25}), head).ok());
  ASSERT_TRUE(AddRows(Rows({"c"}, {5, 6}, {0.125}), head).ok());
  EXPECT_THAT(head.head.vectors, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(head.head.biases, ElementsAre(0.5, 0.25, 0.125));
  EXPECT_EQ(head.items.at("b"), 0);
  EXPECT_EQ(head.items.at("a"), 1);
  EXPECT_EQ(head.items.at("c"), 2);
}

TEST(AddRows, RefusesOtherSizes) {
  NumberedHead head;
  head.head.dim = 3;
  EXPECT_EQ(Reason(AddRows(Rows({"a"}, {1, 2}), head)), "TENSOR_SHAPE_MISMATCH");
  head.head.dim = 2;
  EXPECT_EQ(Reason(AddRows(Rows({"a"}, {1, 2}, {1, 2}), head)), "TENSOR_SHAPE_MISMATCH");
}

TEST(AddRows, KeepsTrainingCountsOfEachRowOrNone) {
  NumberedHead head;
  head.head.dim = 2;
  probe::v1::ReadPredictionHeadResponse counted = Rows({"a", "b"}, {1, 2, 3, 4});
  counted.add_training_counts(7);
  EXPECT_EQ(Reason(AddRows(counted, head)), "TRAINING_COUNTS_INVALID");
  counted.add_training_counts(-1);
  EXPECT_EQ(Reason(AddRows(counted, head)), "TRAINING_COUNTS_INVALID");
  counted.set_training_counts(1, 0);
  NumberedHead known;
  known.head.dim = 2;
  ASSERT_TRUE(AddRows(counted, known).ok());
  EXPECT_THAT(known.training_counts, ElementsAre(7, 0));
}

TEST(HeldOutOf, LeavesOutWhatHasNoNumber) {
  const ItemNumbers items = {{"a", 0}, {"b", 1}, {"c", 2}};
  probe::v1::Case captured;
  captured.set_target_item_id("c");
  for (const char* id : {"b", "unknown"}) captured.add_history_item_ids(id);
  for (const char* id : {"a", "c"}) captured.add_excluded_item_ids(id);
  HeldOut held_out = HeldOutOf(captured, items);
  EXPECT_EQ(held_out.target, 2);
  EXPECT_THAT(held_out.excluded, ElementsAre(1, 0, 2));
  captured.set_target_item_id("unknown");
  EXPECT_EQ(HeldOutOf(captured, items).target, -1);
  captured.Clear();
  held_out = HeldOutOf(captured, {{"", 5}});
  EXPECT_EQ(held_out.target, -1);
  EXPECT_THAT(held_out.excluded, IsEmpty());
}

}  // namespace
}  // namespace recsae
