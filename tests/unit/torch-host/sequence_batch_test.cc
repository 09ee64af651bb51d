#include "services/torch-host/models/sequence_batch.h"

#include <gtest/gtest.h>

namespace recsae::probe {
namespace {

constexpr int kHistory = 40;

Dataset OneUser(int32_t items) {
  Dataset dataset;
  dataset.users = {"u"};
  dataset.sequences.resize(1);
  for (int32_t i = 0; i < items; ++i) dataset.sequences[0].push_back(100 + i);
  dataset.train_length = {items};
  return dataset;
}

// What is masked is what is to be predicted, the last item always; all else stays in its place.
TEST(MaskedBatchTest, MasksTheLastAndAFifthOfTheOthers) {
  const Dataset dataset = OneUser(kHistory + 1);
  const std::vector<Window> windows(200, Window{0, 0, kHistory});
  Random random(3);
  const WindowBatch batch = MakeMaskedBatch(dataset, windows, kHistory, &random);
  ASSERT_EQ(batch.inputs.items.sizes(), (std::vector<int64_t>{200, kHistory + 1}));
  const auto* items = batch.inputs.items.data_ptr<int64_t>();
  int64_t masked = 0;
  for (int64_t row = 0; row < batch.inputs.items.numel(); ++row) {
    const int64_t position = row % (kHistory + 1);
    if (position == kHistory) {
      EXPECT_EQ(items[row], kMaskToken);
    } else if (items[row] != kMaskToken) {
      EXPECT_EQ(items[row], 100 + position);
    }
    masked += items[row] == kMaskToken ? 1 : 0;
  }
  ASSERT_EQ(batch.rows.size(0), masked);
  for (int64_t i = 0; i < masked; ++i) {
    const int64_t row = batch.rows[i].item<int64_t>();
    EXPECT_EQ(items[row], kMaskToken);
    EXPECT_EQ(batch.targets[i].item<int64_t>(), 100 + row % (kHistory + 1));
  }
  EXPECT_NEAR(static_cast<double>(masked - 200) / (200 * kHistory), 0.2, 0.03);
  EXPECT_EQ(batch.users.size(), static_cast<size_t>(masked));
}

TEST(MaskedBatchTest, AShortWindowIsRightAligned) {
  const Dataset dataset = OneUser(3);
  Random random(3);
  const WindowBatch batch =
      MakeMaskedBatch(dataset, std::vector<Window>{{0, 0, 2}}, kHistory, &random);
  EXPECT_EQ(batch.inputs.padding[0].item<int32_t>(), kHistory - 2);
  EXPECT_EQ(batch.inputs.items[0][kHistory].item<int64_t>(), kMaskToken);
}

TEST(MaskedInputsTest, TheMaskFollowsTheLastItemsOfTheHistory) {
  const std::vector<int32_t> history = {5, 6, 7, 8};
  const SequenceInputs inputs = MakeMaskedInputs({{-1, history}}, 4);
  EXPECT_EQ(inputs.padding[0].item<int32_t>(), 0);
  const int64_t expected[] = {6, 7, 8, kMaskToken};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(inputs.items[0][i].item<int64_t>(), expected[i]);
}

}  // namespace
}  // namespace recsae::probe
