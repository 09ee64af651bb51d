#include "services/trainer/run/checkpoint.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/status.h"

namespace recsae::trainer {
namespace {

Checkpoint Sample() {
  Checkpoint checkpoint;
  checkpoint.rows = 123456789012;
  checkpoint.dim = 64;
  checkpoint.seconds = 12.5;
  checkpoint.nonce = 99;
  checkpoint.position = 77;
  checkpoint.trained = true;
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
