// Steer through real peers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "common/rpc/grpc_status.h"
#include "tests/unit/explainer/random_model.h"
#include "tests/unit/explainer/service/stack.h"

namespace recsae::explainer {
namespace {

using ::testing::HasSubstr;

class SteerTest : public ::testing::Test {
 protected:
  SteerTest() { stack_.Fill(); }

  // The activation of a user who likes comedies, with no edits yet.
  v1::SteerRequest Request() const {
    v1::SteerRequest request;
    request.set_sae(Stack::kSae);
    WriteVector(stack_.Activation(0), request.mutable_subject()->mutable_activations());
    return request;
  }

  absl::Status Call(const v1::SteerRequest& request, v1::SteerResponse* response) {
    grpc::ClientContext context;
    return FromGrpc(stack_.explainer->Steer(&context, request, response));
  }

  v1::SteerResponse Steer(const v1::SteerRequest& request) {
    v1::SteerResponse response;
    const absl::Status status = Call(request, &response);
    EXPECT_TRUE(status.ok()) << status;
    return response;
  }

  // Gives latent 1 a concept, as a person would.
  void DescribeHorror(double standard_deviation) {
    grpc::ClientContext context;
    concept_store::v1::CreateConceptRequest request;
    concept_store::v1::Concept stored;
    request.set_parent(Stack::kSae);
    auto* made = request.mutable_latent_concept();
    made->set_latent(1);
    made->set_description("Horror films");
    made->mutable_statistics()->set_standard_deviation(standard_deviation);
    const grpc::Status status = stack_.concept_store->CreateConcept(&context, request, &stored);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  Stack stack_;
};

TEST_F(SteerTest, NoChangeOfALatentChangesNothing) {
  v1::SteerRequest request = Request();
  v1::Edit* edit = request.add_edits();
  edit->set_latent(0);
  edit->set_scale(1);
  const v1::SteerResponse response = Steer(request);
  EXPECT_EQ(response.activation().SerializeAsString(),
            request.subject().activations().SerializeAsString());
  ASSERT_EQ(response.before_size(), 10);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(response.before(i).item_id(), response.after(i).item_id());
    EXPECT_EQ(response.before(i).other_rank(), i + 1);
    EXPECT_EQ(response.after(i).other_rank(), i + 1);
  }
}

TEST_F(SteerTest, TextChoosesTheConceptAndMovesTheList) {
  DescribeHorror(0.5);
  v1::SteerRequest request = Request();
  request.set_top_item_count(8);
  v1::Edit* edit = request.add_edits();
  edit->set_text("horror");
  edit->set_add(40);
  const v1::SteerResponse response = Steer(request);
  ASSERT_EQ(response.edits_size(), 1);
  EXPECT_EQ(response.edits(0).latent(), 1);
  EXPECT_EQ(response.edits(0).description(), "Horror films");
  EXPECT_NEAR(response.edits(0).activation_after() - response.edits(0).activation_before(), 20,
              1e-9);
  ASSERT_EQ(response.after_size(), 8);
  for (const auto& item : response.before()) {
    EXPECT_EQ(Stack::GenreOf(std::stoi(item.item_id().substr(4))), 0);
  }
  for (const auto& item : response.after()) {
    EXPECT_EQ(Stack::GenreOf(std::stoi(item.item_id().substr(4))), 1);
  }
  // x' = x + 20 w_1, with the decoder in the recommender's units.
  const auto x = ReadVector(response.activation(), "activation", Stack::kDim);
  ASSERT_TRUE(x.ok());
  for (int i = 0; i < Stack::kDim; ++i) {
    EXPECT_NEAR((*x)[i], stack_.Activation(0)[i] + (i == 1 ? 20 / Stack::kScale : 0), 1e-5);
  }
}

TEST_F(SteerTest, ReconstructionModeWithEverythingRemovedLeavesTheBias) {
  v1::SteerRequest request = Request();
  request.set_mode(v1::SteerRequest::MODE_RECONSTRUCTION);
  for (int latent = 0; latent < Stack::kLatents; ++latent) {
    v1::Edit* edit = request.add_edits();
    edit->set_latent(latent);
    edit->set_remove(true);
  }
  const v1::SteerResponse response = Steer(request);
  const auto x = ReadVector(response.activation(), "activation", Stack::kDim);
  ASSERT_TRUE(x.ok());
  for (const float value : *x) EXPECT_NEAR(value, 0.1 / Stack::kScale, 1e-6);
}

TEST_F(SteerTest, CapturedUserCanBeSteered) {
  v1::SteerRequest request = Request();
  request.mutable_subject()->mutable_captured_user()->set_capture(Stack::kCapture);
  request.mutable_subject()->mutable_captured_user()->set_user_id(Stack::UserId(5));
  v1::Edit* edit = request.add_edits();
  edit->set_latent(2);
  edit->set_set(30);
  const v1::SteerResponse response = Steer(request);
  EXPECT_EQ(response.edits(0).activation_after(), 30);
  EXPECT_EQ(Stack::GenreOf(std::stoi(response.after(0).item_id().substr(4))), 2);
}

TEST_F(SteerTest, BadEditsAreRefusedWithTheirReasons) {
  using Code = absl::StatusCode;
  struct BadCase {
    Code code;
    std::string reason;
    std::string text;
    std::function<void(v1::SteerRequest&)> change;
  };
  const auto edit = [](v1::SteerRequest& r) { return r.mutable_edits(0); };
  const std::vector<BadCase> cases = {
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits", [](auto& r) { r.clear_edits(); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits[0]",
       [&](auto& r) { edit(r)->clear_target(); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits[0]",
       [&](auto& r) { edit(r)->clear_operation(); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits[0].latent",
       [&](auto& r) { edit(r)->set_latent(Stack::kLatents); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits[0].latent",
       [&](auto& r) { edit(r)->set_latent(-1); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits[0].set",
       [&](auto& r) { edit(r)->set_set(-1); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits[0].scale",
       [&](auto& r) { edit(r)->set_scale(std::numeric_limits<double>::infinity()); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits[0].remove",
       [&](auto& r) { edit(r)->set_remove(false); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits[0].text",
       [&](auto& r) { edit(r)->set_text(" "); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits[0].max_latents",
       [&](auto& r) { edit(r)->set_max_latents(101); }},
      {Code::kInvalidArgument, "STEERED_NOT_FINITE", "float32",
       [&](auto& r) { edit(r)->set_set(1e300); }},
      {Code::kInvalidArgument, "TENSOR_SHAPE_MISMATCH", "one activation",
       [&](auto& r) {
         const std::vector<float> two(2 * Stack::kDim);
         WriteMatrix({two.data(), 2, Stack::kDim}, r.mutable_subject()->mutable_activations());
       }},
      {Code::kNotFound, "CONCEPT_NOT_FOUND", "zebra", [&](auto& r) { edit(r)->set_text("zebra"); }},
      {Code::kFailedPrecondition, "LATENT_STATISTICS_UNKNOWN", "latent 3",
       [&](auto& r) {
         edit(r)->set_latent(3);
         edit(r)->set_add(1);
       }},
  };
  for (const BadCase& bad : cases) {
    SCOPED_TRACE(bad.reason + " " + bad.text);
    v1::SteerRequest request = Request();
    request.add_edits()->set_latent(0);
    request.mutable_edits(0)->set_scale(2);
    bad.change(request);
    v1::SteerResponse response;
    const absl::Status status = Call(request, &response);
    EXPECT_EQ(status.code(), bad.code) << status;
    EXPECT_EQ(Reason(status), bad.reason) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.text));
  }
}

TEST_F(SteerTest, WordsNeedTheConceptStore) {
  DescribeHorror(1);
  v1::SteerRequest by_latent = Request();
  by_latent.add_edits()->set_latent(1);
  by_latent.mutable_edits(0)->set_set(4);
  Steer(by_latent);
  stack_.concept_store_server->Stop();
  Steer(by_latent);  // by number it goes on
  v1::SteerRequest by_words = by_latent;
  by_words.mutable_edits(0)->set_text("horror");
  v1::SteerResponse response;
  const absl::Status status = Call(by_words, &response);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(Reason(status), "PEER_UNAVAILABLE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("concept-store"));
}

}  // namespace
}  // namespace recsae::explainer
