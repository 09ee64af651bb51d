#include "services/trainer/run/checkpoint.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/sae/trainer.h"
#include "services/trainer/run/checkpoint_pace.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::trainer {
namespace {

Checkpoint Sample() {
  Checkpoint checkpoint;
  checkpoint.rows = 123456789012;
  checkpoint.dim = 64;
  checkpoint.seconds = 12.5;
  checkpoint.nonce = 99;
  checkpoint.distinct_rows = 1234;
  checkpoint.epoch_rows = 5678;
  checkpoint.position = 77;
  checkpoint.trained = true;
  checkpoint.capture_uids = {{"recommenders/r/captures/train", "uid"}, {"x", ""}};
  checkpoint.variants.resize(2);
  Checkpoint::Variant& variant = checkpoint.variants[0];
  variant.trainer_state = std::string("state\0bytes", 11);
  variant.step_seconds = 3.25;
  variant.steps = 400;
  variant.early_stop = {1000, 7, 5, 0.25, 2, std::string("weights\0bytes", 13), true};
  return checkpoint;
}

TEST(CheckpointTest, RoundTrip) {
  for (const size_t variants : {2, 0}) {
    Checkpoint checkpoint = Sample();
    checkpoint.variants.resize(variants);
    const absl::StatusOr<Checkpoint> back = DecodeCheckpoint(Encode(checkpoint));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, checkpoint);
  }
}

// Their epochs visit all rows as they are.
TEST(CheckpointTest, ThoseOfEarlierVersionsAreRead) {
  for (const char version : {3, 2}) {
    Checkpoint checkpoint = Sample();
    checkpoint.distinct_rows = 0;
    checkpoint.epoch_rows = checkpoint.rows;
    if (version == 2) checkpoint.capture_uids.clear();
    std::string bytes = Encode(checkpoint);
    bytes[4] = version;
    bytes.resize(bytes.size() - 16);                   // the rows of an epoch
    if (version == 2) bytes.resize(bytes.size() - 4);  // the number of uids
    const absl::StatusOr<Checkpoint> back = DecodeCheckpoint(bytes);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, checkpoint);
  }
}

// A trainer's state stands where its bytes would, and the whole is written without growing.
TEST(CheckpointTest, TrainersAreWrittenAsTheirStates) {
  const std::vector<float> rows = sae::RandomValues(100 * 8, 3);
  const auto trainer = *sae::Trainer::Create(sae::DefaultConfig(8), 8, 100, rows.data(), 100, 1);
  Checkpoint checkpoint = Sample();
  const std::string direct = Encode(checkpoint, {nullptr, trainer.get()});
  EXPECT_LE(direct.capacity(), direct.size() + 1024);
  checkpoint.variants[1].trainer_state = trainer->SaveState();
  EXPECT_EQ(direct, Encode(checkpoint));
}

TEST(CheckpointPaceTest, CostsTwoPercentOfTheTimeAtMost) {
  CheckpointPace pace(10);
  EXPECT_FALSE(pace.Due(9.9));
  EXPECT_TRUE(pace.Due(10));
  pace.Took(0.1);
  EXPECT_TRUE(pace.Due(10));
  pace.Took(3);
  EXPECT_FALSE(pace.Due(149));
  EXPECT_TRUE(pace.Due(150));
  // Asked for after every step.
  CheckpointPace always(0);
  always.Took(3);
  EXPECT_TRUE(always.Due(0));
}

TEST(CheckpointTest, OtherBytesAreDataLoss) {
  const std::string good = Encode(Sample());
  ASSERT_TRUE(DecodeCheckpoint(good).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Reason(DecodeCheckpoint(good.substr(0, size)).status()), "CHECKPOINT_DAMAGED")
        << size;
  }
  Checkpoint no_rows = Sample();
  no_rows.rows = 0;
  for (const std::string& bytes : {good + "x", std::string(100, 'x'), Encode(no_rows)}) {
    EXPECT_EQ(DecodeCheckpoint(bytes).status().code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace recsae::trainer
