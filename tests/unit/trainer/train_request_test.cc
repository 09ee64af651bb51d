#include "services/trainer/run/train_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/status.h"

namespace recsae::trainer {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::TrainSaesRequest Sweep(int variants) {
  v1::TrainSaesRequest request;
  request.set_capture("recommenders/r/captures/train");
  for (int i = 0; i < variants; ++i) {
    v1::SaeVariant& variant = *request.add_variants();
    variant.set_sae_id("k" + std::to_string(i));
    variant.mutable_config()->set_k(i + 1);
    variant.mutable_config()->set_batch_rows(100);
  }
  return request;
}

template <typename Message>
std::string Violations(const Message& message, int dim = 64) {
  const TrainRequest request(message);
  BadRequest bad;
  CheckNames(request, bad);
  FillInAll(request, {dim, kAnyRows}, bad);
  return std::string(bad.ToStatus().message());
}

TEST(TrainRequestTest, OneSaeIsAVariantOfItsOwn) {
  v1::TrainSaeRequest message;
  message.set_sae_id("a");
  message.set_capture("recommenders/r/captures/train");
  message.mutable_config()->set_k(3);
  EXPECT_THAT(Violations(message), IsEmpty());
  const TrainRequest request(message);
  ASSERT_EQ(request.variants.size(), 1U);
  EXPECT_EQ(request.variants[0].sae_id, "a");
  EXPECT_EQ(request.variants[0].config.k(), 3);
  message.set_sae_id("A");
  message.set_capture("train");
  message.mutable_config()->set_k(0);
  for (const char* field : {"sae_id", "capture", "config.k: "}) {
    EXPECT_THAT(Violations(message), HasSubstr(field));
  }
}

TEST(TrainRequestTest, VariantsAreFilledInInTheirOrder) {
  const v1::TrainSaesRequest message = Sweep(3);
  EXPECT_THAT(Violations(message), IsEmpty());
  BadRequest bad;
  const std::vector<v1::TrainingConfig> configs =
      FillInAll(TrainRequest(message), {64, kAnyRows}, bad);
  ASSERT_EQ(configs.size(), 3U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(configs[i].k(), i + 1);
    EXPECT_EQ(configs[i].latent_count(), 512);
  }
}

TEST(TrainRequestTest, OneTo64Variants) {
  EXPECT_THAT(Violations(Sweep(0)), HasSubstr("variants: must be 1 to 64, are 0"));
  EXPECT_THAT(Violations(Sweep(64)), IsEmpty());
  EXPECT_THAT(Violations(Sweep(65)), HasSubstr("variants: must be 1 to 64, are 65"));
}

TEST(TrainRequestTest, ViolationsNameTheirVariant) {
  v1::TrainSaesRequest message = Sweep(4);
  message.mutable_variants(1)->mutable_config()->set_k(0);
  message.mutable_variants(2)->set_sae_id("k1");
  message.mutable_variants(3)->set_sae_id("");
  const std::string violations = Violations(message);
  EXPECT_THAT(violations, HasSubstr("variants[1].config.k: "));
  EXPECT_THAT(violations, HasSubstr("variants[2].sae_id: is that of another variant, \"k1\""));
  EXPECT_THAT(violations, HasSubstr("variants[3].sae_id"));
}

TEST(TrainRequestTest, WhatAllShareMustBeTheSame) {
  v1::TrainSaesRequest message = Sweep(2);
  v1::TrainingConfig& config = *message.mutable_variants(1)->mutable_config();
  config.set_batch_rows(200);
  config.set_epoch_count(3);
  config.set_thread_count(7);
  config.set_checkpoint_seconds(2);
  const std::string violations = Violations(message);
  EXPECT_THAT(violations, HasSubstr("variants[1].config.batch_rows: is 200, in the first"));
  for (const char* field :
       {"epoch_count: is 3", "thread_count: is 7", "checkpoint_seconds: is 2"}) {
    EXPECT_THAT(violations, HasSubstr(std::string("variants[1].config.") + field));
  }
}

}  // namespace
}  // namespace recsae::trainer
