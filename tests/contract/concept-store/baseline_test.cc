// The contract of baselines.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/messages/tensor.h"
#include "tests/contract/concept-store/store_contract.h"

namespace recsae::concept_store {
namespace {

using absl::StatusCode;
using google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::SetBaselineRequest Request(const std::string& sae, const std::vector<float>& values,
                               const std::string& request_id = "") {
  v1::SetBaselineRequest request;
  request.mutable_baseline()->set_sae(sae);
  request.mutable_baseline()->set_row_count(6);
  WriteVector(values, request.mutable_baseline()->mutable_activation());
  WriteVector(values, request.mutable_baseline()->mutable_reconstruction());
  request.set_request_id(request_id);
  return request;
}

class BaselineContract : public StoreContract {
 protected:
  absl::StatusOr<v1::Baseline> Set(const std::string& sae, const std::vector<float>& values,
                                   const std::string& request_id = "") {
    return Do(&Stub::SetBaseline, Request(sae, values, request_id));
  }

  absl::StatusOr<v1::Baseline> Get(const std::string& sae) {
    v1::GetBaselineRequest request;
    request.set_parent(sae);
    return Do(&Stub::GetBaseline, request);
  }

  static std::vector<float> Values(const v1::Baseline& baseline) {
    const auto values = ReadVector(baseline.activation(), "activation", kAnySize);
    if (!values.ok()) return {};
    return {values->begin(), values->end()};
  }
};

TEST_P(BaselineContract, TheLastOneSetComesBack) {
  ASSERT_TRUE(PublishSample("a").ok());
  ExpectError(Get("saes/a").status(), StatusCode::kNotFound, "BASELINE_NOT_FOUND");
  const auto first = Set("saes/a", {1, 2, 3, 4});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->revision(), 2);
  EXPECT_TRUE(first->has_update_time());
  EXPECT_TRUE(MessageDifferencer::Equals(*Get("saes/a"), *first));
  const auto second = Set("saes/a", {4, 3, 2, 1});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->revision(), 3);
  EXPECT_TRUE(MessageDifferencer::Equals(*Get("saes/a"), *second));
  EXPECT_THAT(Values(*second), ElementsAre(4, 3, 2, 1));
}

TEST_P(BaselineContract, ARepeatGetsTheFirstAnswer) {
  ASSERT_TRUE(PublishSample("a").ok());
  const auto first = Set("saes/a", {1, 2, 3, 4}, "try");
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(Set("saes/a", {0, 0, 0, 0}).ok());
  const auto again = Set("saes/a", {1, 2, 3, 4}, "try");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*again, *first));
  EXPECT_THAT(Values(*Get("saes/a")), ElementsAre(0, 0, 0, 0));
  ExpectError(Set("saes/a", {1, 2, 3, 5}, "try").status(), StatusCode::kInvalidArgument,
              "REQUEST_ID_REUSED");
}

TEST_P(BaselineContract, WhatIsNoMeanIsRefused) {
  ASSERT_TRUE(PublishSample("a").ok());
  ExpectError(Set("saes/a", {1, 2, 3}).status(), StatusCode::kInvalidArgument,
              "TENSOR_SHAPE_MISMATCH");
  ExpectError(Set("saes/a", {1, 2, 3, std::numeric_limits<float>::quiet_NaN()}).status(),
              StatusCode::kInvalidArgument, "TENSOR_NOT_FINITE");
  ExpectError(Set("saes/none", {1, 2, 3, 4}).status(), StatusCode::kNotFound, "SAE_NOT_FOUND");
  ExpectError(Get("saes/none").status(), StatusCode::kNotFound, "SAE_NOT_FOUND");
  ExpectError(Get("a").status(), StatusCode::kInvalidArgument, "RESOURCE_NAME_INVALID");
  v1::SetBaselineRequest request = Request("a", {1, 2, 3, 4});
  request.mutable_baseline()->set_row_count(0);
  const absl::Status both = Do(&Stub::SetBaseline, request).status();
  ExpectError(both, StatusCode::kInvalidArgument, "INVALID_REQUEST");
  EXPECT_THAT(std::string(both.message()), HasSubstr("baseline.sae"));
  EXPECT_THAT(std::string(both.message()),
              HasSubstr("baseline.row_count: must be at least 1, is 0"));
  ExpectError(Get("saes/a").status(), StatusCode::kNotFound, "BASELINE_NOT_FOUND");
}

// Two labels of latent 0, in 4 dimensions.
v1::Erasure* AddErasure(v1::Baseline* baseline) {
  v1::Erasure* erasure = baseline->add_erasures();
  erasure->set_latent(0);
  const std::vector<float> values = {1, 2, 3, 4, 5, 6, 7, 8};
  WriteMatrix({values.data(), 2, 4}, erasure->mutable_covariances());
  WriteMatrix({values.data(), 2, 4}, erasure->mutable_readers());
  return erasure;
}

TEST_P(BaselineContract, ErasuresComeBackOrAreRefused) {
  ASSERT_TRUE(PublishSample("a").ok());
  v1::SetBaselineRequest good = Request("saes/a", {1, 2, 3, 4});
  AddErasure(good.mutable_baseline());
  v1::Erasure* of_value = AddErasure(good.mutable_baseline());
  of_value->mutable_attribute()->set_key("genre");
  of_value->mutable_attribute()->set_value("Horror");
  ASSERT_TRUE(Do(&Stub::SetBaseline, good).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(Get("saes/a")->erasures(1), *of_value));

  const auto refused = [&](const std::string& part, const std::string& reason, auto spoil) {
    v1::SetBaselineRequest request = Request("saes/a", {1, 2, 3, 4});
    spoil(AddErasure(request.mutable_baseline()));
    const absl::Status status = Do(&Stub::SetBaseline, request).status();
    ExpectError(status, StatusCode::kInvalidArgument, reason);
    EXPECT_THAT(std::string(status.message()), HasSubstr("baseline.erasures[0]" + part));
  };
  refused("", "INVALID_REQUEST", [](v1::Erasure* of) { of->clear_subject(); });
  refused(".latent", "INVALID_REQUEST", [](v1::Erasure* of) { of->set_latent(1 << 20); });
  refused(".latent", "INVALID_REQUEST", [](v1::Erasure* of) { of->set_latent(-1); });
  refused(".attribute.value", "INVALID_REQUEST",
          [](v1::Erasure* of) { of->mutable_attribute()->set_key("genre"); });
  const std::vector<float> three = {1, 2, 3};
  refused(".covariances", "TENSOR_SHAPE_MISMATCH", [&](v1::Erasure* of) {
    WriteMatrix({three.data(), 1, 3}, of->mutable_covariances());
  });
  const std::vector<float> four = {1, 2, 3, 4};
  refused(".readers", "TENSOR_SHAPE_MISMATCH", [&](v1::Erasure* of) {
    WriteMatrix({four.data(), 1, 4}, of->mutable_readers());
  });
}

TEST_P(BaselineContract, WatchesTellOfIt) {
  ASSERT_TRUE(PublishSample("a").ok());
  ASSERT_TRUE(PublishSample("ab").ok());  // a prefix of another name is not that name
  const auto set = Set("saes/a", {1, 2, 3, 4});
  ASSERT_TRUE(set.ok()) << set.status();
  ASSERT_TRUE(Set("saes/ab", {5, 6, 7, 8}).ok());

  const auto logged = WatchUntilCaughtUp("saes/a", 2);
  ASSERT_EQ(logged.size(), 2U);
  EXPECT_EQ(logged[0].type(), v1::ConceptChange::TYPE_BASELINE_SET);
  EXPECT_EQ(logged[0].revision(), 3);
  EXPECT_TRUE(MessageDifferencer::Equals(logged[0].baseline(), *set));

  const auto snapshot = WatchUntilCaughtUp("saes/a", std::nullopt);
  ASSERT_EQ(snapshot.size(), 3U);
  EXPECT_EQ(snapshot[0].type(), v1::ConceptChange::TYPE_SAE_PUBLISHED);
  EXPECT_EQ(snapshot[1].type(), v1::ConceptChange::TYPE_BASELINE_SET);
  EXPECT_EQ(snapshot[1].revision(), 0);
  EXPECT_TRUE(MessageDifferencer::Equals(snapshot[1].baseline(), *set));
  EXPECT_EQ(snapshot[2].revision(), 4);
  EXPECT_EQ(WatchUntilCaughtUp("", std::nullopt).size(), 5U);
}

TEST_P(BaselineContract, ItGoesWithItsSae) {
  ASSERT_TRUE(PublishSample("a").ok());
  ASSERT_TRUE(PublishSample("ab").ok());
  ASSERT_TRUE(Set("saes/a", {1, 2, 3, 4}).ok());
  ASSERT_TRUE(Set("saes/ab", {5, 6, 7, 8}).ok());
  ASSERT_TRUE(DeleteSae("saes/a").ok());
  ExpectError(Get("saes/a").status(), StatusCode::kNotFound, "SAE_NOT_FOUND");
  ASSERT_TRUE(PublishSample("a").ok());
  ExpectError(Get("saes/a").status(), StatusCode::kNotFound, "BASELINE_NOT_FOUND");
  EXPECT_THAT(Values(*Get("saes/ab")), ElementsAre(5, 6, 7, 8));
}

RECSAE_STORE_CONTRACT(BaselineContract);

}  // namespace
}  // namespace recsae::concept_store
