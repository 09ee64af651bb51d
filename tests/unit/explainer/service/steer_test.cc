// Steer through real peers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "absl/time/clock.h"
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

  // Gives a latent a concept, as a person would.
  void Describe(int32_t latent, const std::string& description, double standard_deviation = 1,
                int32_t lead = -1, int64_t rows = 0, double mean = 0) {
    grpc::ClientContext context;
    concept_store::v1::CreateConceptRequest request;
    concept_store::v1::Concept stored;
    request.set_parent(Stack::kSae);
    auto* made = request.mutable_latent_concept();
    made->set_latent(latent);
    made->set_description(description);
    made->mutable_statistics()->set_standard_deviation(standard_deviation);
    made->mutable_statistics()->set_row_count(rows);
    made->mutable_statistics()->set_active_row_count(rows);
    made->mutable_statistics()->set_mean(mean);
    if (lead >= 0) {
      made->mutable_group()->set_lead_latent(lead);
      made->mutable_group()->set_size(2);
    }
    const grpc::Status status = stack_.concept_store->CreateConcept(&context, request, &stored);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  void DescribeHorror(double standard_deviation) {
    Describe(1, "Horror films", standard_deviation);
  }

  // Waits until the explainer's feed has told of a latent's concept.
  void WaitForConcept(int32_t latent) {
    v1::SteerRequest request = Request();
    request.add_edits()->set_latent(latent);
    request.mutable_edits(0)->set_add(0);
    v1::SteerResponse response;
    for (int i = 0; i < 500 && !Call(request, &response).ok(); ++i) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    ASSERT_TRUE(Call(request, &response).ok());
  }

  v1::SteerRequest ByText(const std::string& text) const {
    v1::SteerRequest request = Request();
    request.add_edits()->set_text(text);
    return request;
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
  request.set_max_change(0);
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
      {Code::kInvalidArgument, "QUERY_NEGATED", "horror:off",
       [&](auto& r) { edit(r)->set_text("not horror"); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "edits[0].group",
       [&](auto& r) { edit(r)->set_group(2); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "asks for nothing",
       [](auto& r) { r.set_wishes("please"); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "1000 bytes",
       [](auto& r) { r.set_wishes(std::string(1001, 'x')); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "20 wishes",
       [](auto& r) {
         for (int i = 0; i < 21; ++i) r.set_wishes(r.wishes() + "horror,");
       }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "wish_strength",
       [](auto& r) { r.set_wish_strength(11); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "max_change",
       [](auto& r) { r.set_max_change(-1); }},
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

TEST_F(SteerTest, WordsThatTakeAwayActOnWhatIsActive) {
  // The best match by the search, at 0 for somebody who likes comedies.
  Describe(1, "Horror", 1, -1, 100000, 1);
  Describe(0, "Comedy, Horror", 1, -1, 10, 1);
  WaitForConcept(0);
  for (const auto& change :
       std::vector<std::function<void(v1::Edit*)>>{[](v1::Edit* edit) { edit->set_scale(0); },
                                                   [](v1::Edit* edit) { edit->set_remove(true); },
                                                   [](v1::Edit* edit) { edit->set_add(-100); }}) {
    v1::SteerRequest request = ByText("horrors");
    change(request.mutable_edits(0));
    const v1::SteerResponse response = Steer(request);
    ASSERT_EQ(response.edits_size(), 1);
    EXPECT_EQ(response.edits(0).latent(), 0);
    EXPECT_GT(response.edits(0).activation_before(), 0);
    EXPECT_TRUE(response.ineffective_edits().empty());
  }
}

TEST_F(SteerTest, WordsOfWhichNothingIsActiveSaySo) {
  Describe(1, "Horror");
  Describe(0, "Comedy");
  WaitForConcept(0);
  v1::SteerRequest request = ByText("horror");
  request.mutable_edits(0)->set_scale(0);
  const v1::SteerResponse response = Steer(request);
  EXPECT_EQ(response.activation().SerializeAsString(),
            request.subject().activations().SerializeAsString());
  ASSERT_EQ(response.ineffective_edits_size(), 1);
  EXPECT_EQ(response.ineffective_edits(0).latents(0), 1);
  EXPECT_THAT(response.ineffective_edits(0).reason(), HasSubstr("not active here"));
  EXPECT_THAT(response.ineffective_edits(0).reason(), HasSubstr("\"Comedy\" (#0)"));
}

TEST_F(SteerTest, ToAddGoesAlongTheGroup) {
  Describe(1, "Horror", 0.5, 1, 30, 2);
  Describe(2, "Horror", 4, 1, 20, 1);
  WaitForConcept(1);
  WaitForConcept(2);
  v1::SteerRequest request = ByText("horror");
  request.mutable_edits(0)->set_add(2);
  request.set_max_change(0);
  v1::SteerResponse response = Steer(request);
  ASSERT_EQ(response.edits_size(), 2);
  EXPECT_NEAR(response.edits(0).activation_after(), 2 * 0.75 * 0.5, 1e-9);
  EXPECT_NEAR(response.edits(1).activation_after(), 2 * 0.25 * 4, 1e-9);
  request.mutable_edits(0)->set_group(1);
  EXPECT_EQ(Steer(request).activation().data(), response.activation().data());
  request.mutable_edits(0)->set_group(2);
  EXPECT_THAT(std::string(Call(request, &response).message()), HasSubstr("latent 1 leads"));
}

TEST_F(SteerTest, AChangeKeepsToItsBound) {
  DescribeHorror(1);
  v1::SteerRequest request = ByText("horror");
  request.mutable_edits(0)->set_add(1000);
  v1::SteerResponse response = Steer(request);
  EXPECT_NEAR(response.change(), 1, 1e-5);
  EXPECT_LT(response.bounded_by(), 1);
  request.set_max_change(0.2);
  EXPECT_NEAR(Steer(request).change(), 0.2, 1e-5);
  request.mutable_edits(0)->set_set(1000);  // exactly that
  response = Steer(request);
  EXPECT_EQ(response.bounded_by(), 1);
  EXPECT_EQ(response.edits(0).activation_after(), 1000);
  ASSERT_EQ(response.warnings_size(), 1);
  EXPECT_THAT(response.warnings(0), HasSubstr("max_change"));
}

TEST_F(SteerTest, ProjectionTakesTheDirectionOutOfTheResidual) {
  DescribeHorror(1);
  v1::SteerRequest request = ByText("horror");
  request.mutable_edits(0)->set_remove(true);
  request.set_mode(v1::SteerRequest::MODE_PROJECTION);
  const v1::SteerResponse response = Steer(request);
  const auto x = ReadVector(response.activation(), "activation", Stack::kDim);
  ASSERT_TRUE(x.ok());
  // Latent 1 is axis 1, where the SAE's bias stands for the mean.
  EXPECT_NEAR((*x)[1], 0.1 / Stack::kScale, 1e-5);
  EXPECT_NE(stack_.Activation(0)[1], (*x)[1]);
  EXPECT_TRUE(response.ineffective_edits().empty());
  // Concepts were not built, so that nothing is known of what goes along with it.
  ASSERT_EQ(response.warnings_size(), 1);
  EXPECT_THAT(response.warnings(0), HasSubstr("only the direction is projected out"));
}

TEST_F(SteerTest, WishesAreShownAndDone) {
  Describe(0, "Comedy");
  Describe(1, "Horror", 1, -1, 100, 1);
  Describe(2, "Western", 1, -1, 100, 1);
  for (const int32_t latent : {0, 1, 2}) WaitForConcept(latent);
  v1::ResolveWishesRequest resolve;
  resolve.set_sae(Stack::kSae);
  resolve.set_text("less comedy, more westerns, no horror films, more zebras");
  // Somebody with a little horror, too.
  std::vector<float> own = stack_.Activation(0);
  own[1] = 0.3F;
  WriteVector(own, resolve.mutable_subject()->mutable_activations());
  v1::ResolveWishesResponse resolved;
  grpc::ClientContext context;
  const absl::Status status =
      FromGrpc(stack_.explainer->ResolveWishes(&context, resolve, &resolved));
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(resolved.wishes_size(), 4);
  EXPECT_EQ(resolved.wishes(0).text(), "less comedy");
  EXPECT_EQ(resolved.wishes(0).polarity(), v1::POLARITY_LESS);
  EXPECT_EQ(resolved.wishes(0).concepts(0).description(), "Comedy");
  EXPECT_TRUE(resolved.wishes(0).concepts(0).active());
  EXPECT_EQ(resolved.wishes(1).polarity(), v1::POLARITY_MORE);
  EXPECT_EQ(resolved.wishes(1).concepts(0).lead_latent(), 2);
  EXPECT_FALSE(resolved.wishes(1).concepts(0).active());
  EXPECT_EQ(resolved.wishes(2).polarity(), v1::POLARITY_NEVER);
  EXPECT_TRUE(resolved.wishes(3).concepts().empty());
  EXPECT_THAT(resolved.wishes(3).problem(), HasSubstr("zebras"));

  v1::SteerRequest request = Request();
  *request.mutable_subject() = resolve.subject();
  request.set_wishes(resolve.text());
  request.set_max_change(0);
  const v1::SteerResponse response = Steer(request);
  ASSERT_EQ(response.wishes_size(), 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(response.wishes(i).SerializeAsString(), resolved.wishes(i).SerializeAsString());
  }
  ASSERT_EQ(response.edits_size(), 3);
  EXPECT_LT(response.edits(0).activation_after(), response.edits(0).activation_before());
  EXPECT_GT(response.edits(1).activation_after(), response.edits(1).activation_before());
  EXPECT_EQ(response.edits(2).activation_after(), 0);
  ASSERT_EQ(response.warnings_size(), 1);
  EXPECT_THAT(response.warnings(0), HasSubstr("more zebras"));
  const auto x = ReadVector(response.activation(), "activation", Stack::kDim);
  ASSERT_TRUE(x.ok());
  EXPECT_NEAR((*x)[1], 0.1 / Stack::kScale, 1e-5);  // none of it, residual and all
  // Twice as strong is more of the same.
  request.set_wish_strength(2);
  const v1::SteerResponse stronger = Steer(request);
  EXPECT_LT(stronger.edits(0).activation_after(), response.edits(0).activation_after());
  EXPECT_GT(stronger.edits(1).activation_after(), response.edits(1).activation_after());
}

TEST_F(SteerTest, AWishOfWhichNothingIsActiveSaysSo) {
  DescribeHorror(1);
  v1::SteerRequest request = Request();
  request.set_wishes("less horror");
  const v1::SteerResponse response = Steer(request);
  ASSERT_EQ(response.wishes(0).concepts_size(), 1);
  EXPECT_FALSE(response.wishes(0).concepts(0).active());
  ASSERT_EQ(response.warnings_size(), 1);
  EXPECT_THAT(response.warnings(0), HasSubstr("changes nothing"));
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
