// What users set for good, through real peers: in Steer and in Explain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "common/rpc/grpc_status.h"
#include "services/explainer/calls/wish_call.h"
#include "tests/unit/explainer/service/stack.h"

namespace recsae::explainer {
namespace {

using concept_store::v1::Control;
using ::testing::HasSubstr;

class ControlsTest : public ::testing::Test {
 protected:
  ControlsTest() {
    stack_.Fill();
    for (int genre = 0; genre < Stack::kGenres; ++genre) Describe(genre);
    // Until the feed has told of the last concept.
    v1::SteerRequest request = SteerOf(0);
    request.add_edits()->set_latent(Stack::kGenres - 1);
    request.mutable_edits(0)->set_add(0);
    v1::SteerResponse response;
    for (int i = 0; i < 500 && !Call(request, &response).ok(); ++i) {
      absl::SleepFor(absl::Milliseconds(10));
    }
  }

  void Describe(int genre) {
    grpc::ClientContext context;
    concept_store::v1::CreateConceptRequest request;
    concept_store::v1::Concept stored;
    request.set_parent(Stack::kSae);
    request.mutable_latent_concept()->set_latent(genre);
    request.mutable_latent_concept()->set_description(Stack::Genre(genre));
    request.mutable_latent_concept()->mutable_statistics()->set_standard_deviation(1);
    ASSERT_TRUE(stack_.concept_store->CreateConcept(&context, request, &stored).ok());
  }

  Control Set(int user, int latent, Control::Polarity polarity, double strength = 0) {
    grpc::ClientContext context;
    concept_store::v1::CreateControlRequest request;
    concept_store::v1::CreateControlResponse response;
    request.set_parent(Stack::kSae);
    request.mutable_control()->set_user_id(Stack::UserId(user));
    request.mutable_control()->set_lead_latent(latent);
    request.mutable_control()->set_polarity(polarity);
    request.mutable_control()->set_strength(strength);
    const grpc::Status status = stack_.concept_store->CreateControl(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.control();
  }

  static void SetUser(int user, v1::Subject* subject) {
    subject->mutable_captured_user()->set_capture(Stack::kCapture);
    subject->mutable_captured_user()->set_user_id(Stack::UserId(user));
  }
  static v1::SteerRequest SteerOf(int user) {
    v1::SteerRequest request;
    request.set_sae(Stack::kSae);
    SetUser(user, request.mutable_subject());
    return request;
  }
  static v1::ExplainRequest ExplainOf(int user) {
    v1::ExplainRequest request;
    request.set_sae(Stack::kSae);
    SetUser(user, request.mutable_subject());
    return request;
  }

  absl::Status Call(const v1::SteerRequest& request, v1::SteerResponse* response) {
    grpc::ClientContext context;
    return FromGrpc(stack_.explainer->Steer(&context, request, response));
  }
  absl::Status Call(const v1::ExplainRequest& request, v1::ExplainResponse* response) {
    grpc::ClientContext context;
    return FromGrpc(stack_.explainer->Explain(&context, request, response));
  }
  v1::SteerResponse Do(const v1::SteerRequest& request) {
    v1::SteerResponse response;
    const absl::Status status = Call(request, &response);
    EXPECT_TRUE(status.ok()) << status;
    return response;
  }
  v1::ExplainResponse Do(const v1::ExplainRequest& request) {
    v1::ExplainResponse response;
    const absl::Status status = Call(request, &response);
    EXPECT_TRUE(status.ok()) << status;
    return response;
  }

  static std::vector<float> Activation(const v1::SteerResponse& response) {
    const auto x = ReadVector(response.activation(), "activation", Stack::kDim);
    if (!x.ok()) return std::vector<float>(Stack::kDim);
    return {x->begin(), x->end()};
  }
  template <typename Items>
  static std::vector<std::string> Ids(const Items& items) {
    std::vector<std::string> ids;
    for (const auto& item : items) ids.push_back(item.item_id());
    return ids;
  }
  template <typename Items>
  static int64_t CountOf(int genre, const Items& items) {
    return std::count_if(items.begin(), items.end(), [&](const auto& item) {
      return Stack::GenreOf(std::stoi(item.item_id().substr(4))) == genre;
    });
  }

  Stack stack_;
};

TEST_F(ControlsTest, WithoutThemNothingIsDifferent) {
  Set(1, 0, Control::POLARITY_NEVER);  // another user's
  const v1::ExplainResponse explained = Do(ExplainOf(0));
  EXPECT_TRUE(explained.controls().empty());
  v1::ExplainRequest ignoring = ExplainOf(0);
  ignoring.set_ignore_controls(true);
  EXPECT_EQ(explained.SerializeAsString(), Do(ignoring).SerializeAsString());
  v1::SteerResponse response;
  const absl::Status nothing = Call(SteerOf(0), &response);
  EXPECT_EQ(Reason(nothing), "INVALID_REQUEST");
  EXPECT_THAT(std::string(nothing.message()), HasSubstr("user \"user0\" has no controls"));
}

TEST_F(ControlsTest, NeverTakesTheConceptOutOfBoth) {
  const Control control = Set(0, 0, Control::POLARITY_NEVER);
  v1::SteerRequest request = SteerOf(0);
  request.set_max_change(0);
  const v1::SteerResponse steered = Do(request);
  ASSERT_EQ(steered.controls_size(), 1);
  EXPECT_EQ(steered.controls(0).name(), control.name());
  EXPECT_EQ(steered.controls(0).description(), "Comedy");
  EXPECT_EQ(steered.controls(0).polarity(), v1::POLARITY_NEVER);
  EXPECT_EQ(steered.controls(0).no_effect(), "");
  EXPECT_GT(CountOf(0, steered.before()), 8);
  EXPECT_LT(CountOf(0, steered.after()), 8);
  // At most as much of it as the SAE's bias has, which stands for the mean.
  EXPECT_LE(Activation(steered)[0], 0.1 / Stack::kScale + 1e-5);

  const v1::ExplainResponse explained = Do(ExplainOf(0));
  ASSERT_EQ(explained.controls_size(), 1);
  EXPECT_EQ(explained.controls(0).SerializeAsString(), steered.controls(0).SerializeAsString());
  EXPECT_EQ(Ids(explained.explanations(0).items()), Ids(Do(SteerOf(0)).after()));
  for (const auto& latent : explained.explanations(0).latents()) {
    EXPECT_TRUE(latent.latent() != 0 || latent.activation() < 1e-4) << latent.activation();
  }

  v1::ExplainRequest ignoring = ExplainOf(0);
  ignoring.set_ignore_controls(true);
  const v1::ExplainResponse own = Do(ignoring);
  EXPECT_TRUE(own.controls().empty());
  EXPECT_EQ(Ids(own.explanations(0).items()), Ids(steered.before()));
}

TEST_F(ControlsTest, MoreAndLessGoByTheirStrength) {
  Set(0, 1, Control::POLARITY_MORE, 2);
  Set(0, 0, Control::POLARITY_LESS);
  v1::SteerRequest request = SteerOf(0);
  request.set_max_change(0);
  const v1::SteerResponse both = Do(request);
  ASSERT_EQ(both.controls_size(), 2);
  ASSERT_EQ(both.edits_size(), 2);
  EXPECT_NEAR(both.edits(0).activation_after() - both.edits(0).activation_before(),
              2 * kMoreDeviations, 1e-5);
  EXPECT_NEAR(both.edits(1).activation_after(), kLessScale * both.edits(1).activation_before(),
              1e-5);
  EXPECT_GT(CountOf(1, both.after()), CountOf(1, both.before()));
  // The same by hand, without them.
  request.set_ignore_controls(true);
  request.add_edits()->set_group(1);
  request.mutable_edits(0)->set_add(2 * kMoreDeviations);
  request.add_edits()->set_group(0);
  request.mutable_edits(1)->set_scale(kLessScale);
  const v1::SteerResponse by_hand = Do(request);
  EXPECT_TRUE(by_hand.controls().empty());
  EXPECT_EQ(by_hand.activation().data(), both.activation().data());
}

TEST_F(ControlsTest, OneThatChangesNothingSaysWhy) {
  Set(0, 2, Control::POLARITY_LESS);                    // not active in who likes comedies
  Set(0, Stack::kLatents - 1, Control::POLARITY_MORE);  // a latent without a concept
  const v1::SteerResponse response = Do(SteerOf(0));
  ASSERT_EQ(response.controls_size(), 2);
  EXPECT_EQ(response.controls(0).description(), "Western");
  EXPECT_THAT(response.controls(0).no_effect(), HasSubstr("not active here"));
  EXPECT_THAT(response.controls(1).no_effect(), HasSubstr("has no concept"));
  EXPECT_EQ(response.change(), 0);
  EXPECT_EQ(Ids(response.before()), Ids(response.after()));
  EXPECT_EQ(Do(ExplainOf(0)).controls_size(), 2);
}

TEST_F(ControlsTest, EditsComeAfterThem) {
  Set(0, 0, Control::POLARITY_NEVER);
  v1::SteerRequest request = SteerOf(0);
  request.add_edits()->set_latent(1);
  request.mutable_edits(0)->set_set(3);
  const v1::SteerResponse response = Do(request);
  ASSERT_EQ(response.edits_size(), 2);
  EXPECT_EQ(response.edits(0).latent(), 0);
  EXPECT_EQ(response.edits(1).activation_after(), 3);
  EXPECT_TRUE(response.ineffective_edits().empty());
}

TEST_F(ControlsTest, OneThatIsTakenBackIsGoneAtOnce) {
  const Control control = Set(0, 0, Control::POLARITY_NEVER);
  EXPECT_EQ(Do(ExplainOf(0)).controls_size(), 1);
  grpc::ClientContext context;
  concept_store::v1::DeleteControlRequest request;
  google::protobuf::Empty empty;
  request.set_name(control.name());
  ASSERT_TRUE(stack_.concept_store->DeleteControl(&context, request, &empty).ok());
  EXPECT_TRUE(Do(ExplainOf(0)).controls().empty());
}

TEST_F(ControlsTest, NobodyIsShownWhatTheyNeverWantForWantOfTheStore) {
  Set(0, 0, Control::POLARITY_NEVER);
  Do(ExplainOf(0));
  stack_.concept_store_server->Stop();
  v1::ExplainResponse explained;
  v1::SteerResponse steered;
  EXPECT_EQ(Call(ExplainOf(0), &explained).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Call(SteerOf(0), &steered).code(), absl::StatusCode::kUnavailable);
  v1::ExplainRequest ignoring = ExplainOf(0);
  ignoring.set_ignore_controls(true);
  EXPECT_TRUE(Call(ignoring, &explained).ok());
  // Nobody's.
  v1::ExplainRequest nobodys;
  nobodys.set_sae(Stack::kSae);
  WriteVector(stack_.Activation(0), nobodys.mutable_subject()->mutable_activations());
  EXPECT_TRUE(Call(nobodys, &explained).ok());
  stack_.concept_store_server->Start();
}

}  // namespace
}  // namespace recsae::explainer
