#include "services/trainer/run/weights_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/status.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::trainer {
namespace {

sae::SaeWeights Sample() {
  sae::SaeWeights weights = sae::RandomWeights(5, 30, 3, sae::Architecture::kJumpRelu, 1);
  weights.input_scale = 0.25F;
  weights.threshold.assign(30, 0.5F);
  return weights;
}

TEST(WeightsCodecTest, RoundTrip) {
  const sae::SaeWeights weights = Sample();
  const absl::StatusOr<sae::SaeWeights> back = DecodeWeights(EncodeWeights(weights));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->k, weights.k);
  EXPECT_EQ(back->architecture, weights.architecture);
  EXPECT_EQ(back->input_scale, weights.input_scale);
  EXPECT_EQ(back->encoder, weights.encoder);
  EXPECT_EQ(back->encoder_bias, weights.encoder_bias);
  EXPECT_EQ(back->decoder, weights.decoder);
  EXPECT_EQ(back->pre_bias, weights.pre_bias);
  EXPECT_EQ(back->threshold, weights.threshold);
}

TEST(WeightsCodecTest, OtherBytesAreDataLoss) {
  const std::string good = EncodeWeights(Sample());
  for (const std::string& bytes : {std::string(), std::string(100, 'x'),
                                   good.substr(0, good.size() / 2), good.substr(0, 20)}) {
    EXPECT_EQ(Reason(DecodeWeights(bytes).status()), "CHECKPOINT_DAMAGED") << bytes.size();
  }
}

}  // namespace
}  // namespace recsae::trainer
