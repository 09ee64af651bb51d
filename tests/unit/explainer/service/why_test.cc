// What is the user's own in a score, contrasts and counterfactuals, through real peers, with
// concepts and baseline as BuildConcepts makes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>
#include <string>

#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "common/rpc/grpc_status.h"
#include "tests/unit/explainer/random_model.h"
#include "tests/unit/explainer/service/stack.h"

namespace recsae::explainer {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class WhyTest : public ::testing::Test {
 protected:
  WhyTest() { stack_.Fill(); }

  void Build() {
    v1::BuildConceptsRequest request;
    request.set_sae(Stack::kSae);
    request.set_capture(Stack::kCapture);
    grpc::ClientContext context;
    jobs::v1::Job job;
    const absl::Status status = FromGrpc(stack_.explainer->BuildConcepts(&context, request, &job));
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(stack_.Finish(job).state(), jobs::v1::Job::STATE_SUCCEEDED);
  }

  static v1::Subject SubjectOf(const std::vector<float>& x) {
    v1::Subject subject;
    WriteVector(x, subject.mutable_activations());
    return subject;
  }

  v1::ExplainResponse Explain(const v1::ExplainRequest& request) {
    v1::ExplainResponse response;
    grpc::ClientContext context;
    const absl::Status status = FromGrpc(stack_.explainer->Explain(&context, request, &response));
    EXPECT_TRUE(status.ok()) << status;
    return response;
  }

  v1::ExplainRequest RequestFor(int user) const {
    v1::ExplainRequest request;
    request.set_sae(Stack::kSae);
    *request.mutable_subject() = SubjectOf(stack_.Activation(user));
    return request;
  }

  absl::Status Counterfactual(const v1::FindCounterfactualRequest& request,
                              v1::FindCounterfactualResponse* response) {
    grpc::ClientContext context;
    return FromGrpc(stack_.explainer->FindCounterfactual(&context, request, response));
  }

  v1::FindCounterfactualRequest OfConcepts(int user, const std::string& item) const {
    v1::FindCounterfactualRequest request;
    request.set_sae(Stack::kSae);
    *request.mutable_subject() = SubjectOf(stack_.Activation(user));
    request.set_item_id(item);
    request.set_of(v1::FindCounterfactualRequest::OF_CONCEPTS);
    return request;
  }

  double MeanScore(int item) const {
    double mean = 0;
    for (int user = 0; user < Stack::kUsers; ++user) {
      mean += Score(stack_.head(), stack_.Activation(user), item) / Stack::kUsers;
    }
    return mean;
  }

  Stack stack_;
};

double Sum(const v1::PersonalScore& personal) {
  return std::accumulate(personal.groups().begin(), personal.groups().end(),
                         personal.everyone() + personal.absent() + personal.unexplained());
}

int NumberOf(const v1::ExplainedItem& item) { return std::stoi(item.item_id().substr(4)); }

TEST_F(WhyTest, WithoutABaselineNothingIsCalledTheUsersOwn) {
  const v1::ExplainResponse response = Explain(RequestFor(3));
  EXPECT_FALSE(response.explanations(0).items(0).has_personal());
  EXPECT_THAT(response.warnings(), Contains(HasSubstr("has no baseline")));
}

TEST_F(WhyTest, EveryonesPartIsTheMeanScoreAndTheRestIsTheUsersOwn) {
  Build();
  for (const int user : {0, 5, 18, 399}) {
    const v1::ExplainResponse response = Explain(RequestFor(user));
    EXPECT_THAT(response.warnings(), SizeIs(0));
    const v1::Explanation& explanation = response.explanations(0);
    ASSERT_GT(explanation.items_size(), 0);
    for (const v1::ExplainedItem& item : explanation.items()) {
      ASSERT_EQ(item.personal().groups_size(), explanation.groups_size());
      EXPECT_NEAR(Sum(item.personal()), item.score(), 1e-4 * std::abs(item.score()));
      EXPECT_NEAR(item.personal().everyone(), MeanScore(NumberOf(item)), 1e-4);
    }
    // The genre that the user likes is what is particular to them, and it is said so.
    const v1::ExplainedItem& first = explanation.items(0);
    const std::string genre = Stack::Genre(user % Stack::kGenres);
    EXPECT_THAT(first.sentence(), HasSubstr(genre));
    EXPECT_GT(first.personal().concept_share(), 0.5);
  }
}

TEST_F(WhyTest, OverAllUsersNothingIsPersonal) {
  Build();
  const int item = 4;
  double own = 0;
  for (int user = 0; user < Stack::kUsers; ++user) {
    v1::ExplainRequest request = RequestFor(user);
    request.set_top_item_count(1);
    request.add_item_ids(Stack::ItemId(item));
    const v1::ExplainResponse response = Explain(request);
    const v1::PersonalScore& personal = response.explanations(0).items(1).personal();
    own += (Sum(personal) - personal.everyone()) / Stack::kUsers;
  }
  EXPECT_NEAR(own, 0, 1e-4);
}

TEST_F(WhyTest, ContrastsAddUpToTheDifferenceOfTheScores) {
  Build();
  v1::ExplainRequest request = RequestFor(1);
  request.set_than_item_id(Stack::ItemId(50));  // of another genre
  request.add_item_ids(Stack::ItemId(50));
  const v1::Explanation explanation = Explain(request).explanations(0);
  const v1::ExplainedItem& than = explanation.items(explanation.items_size() - 1);
  ASSERT_EQ(than.item_id(), Stack::ItemId(50));
  EXPECT_FALSE(than.has_contrast());
  for (int i = 0; i + 1 < explanation.items_size(); ++i) {
    const v1::Contrast& contrast = explanation.items(i).contrast();
    EXPECT_NEAR(contrast.difference(), explanation.items(i).score() - than.score(), 1e-4);
    EXPECT_NEAR(std::accumulate(contrast.groups().begin(), contrast.groups().end(),
                                contrast.everyone() + contrast.absent() + contrast.unexplained()),
                contrast.difference(), 1e-9);
    EXPECT_THAT(contrast.sentence(), HasSubstr("rather than Film 50"));
  }
  request.set_than_item_id("no such");
  v1::ExplainResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(Reason(FromGrpc(stack_.explainer->Explain(&context, request, &response))),
            "ITEM_NOT_FOUND");
}

TEST_F(WhyTest, AHistoryThatCannotBeWeighedIsSaid) {
  Build();
  v1::ExplainRequest request = RequestFor(2);
  request.set_reason_count(5);
  v1::ExplainResponse response = Explain(request);
  EXPECT_THAT(response.warnings(), Contains(HasSubstr("does not say which history")));
  EXPECT_EQ(response.explanations(0).reason_method(), v1::REASON_METHOD_UNSPECIFIED);
  EXPECT_THAT(response.explanations(0).items(0).reasons(), SizeIs(0));
  // The recommender of this world is not here to be run.
  auto* captured = request.mutable_subject()->mutable_captured_user();
  captured->set_capture(Stack::kCapture);
  captured->set_user_id(Stack::UserId(2));
  response = Explain(request);
  EXPECT_THAT(response.warnings(), Contains(HasSubstr("the history is not weighed")));
  request.set_reason_count(101);
  v1::ExplainResponse refused;
  grpc::ClientContext context;
  const absl::Status status = FromGrpc(stack_.explainer->Explain(&context, request, &refused));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

// Removes groups of latents by Steer, and asks where the item is then.
TEST_F(WhyTest, WithoutTheConceptsOfACounterfactualTheItemIsWhereItSays) {
  Build();
  int found = 0;
  for (int user = 0; user < 40; ++user) {
    const std::string item = Explain(RequestFor(user)).explanations(0).items(2).item_id();
    v1::FindCounterfactualResponse response;
    const absl::Status status = Counterfactual(OfConcepts(user, item), &response);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(response.rank_before(), 3);
    ASSERT_GT(response.groups_size(), 0);
    v1::SteerRequest steer;
    steer.set_sae(Stack::kSae);
    steer.set_max_change(0);
    *steer.mutable_subject() = SubjectOf(stack_.Activation(user));
    const v1::Explanation explanation = Explain(RequestFor(user)).explanations(0);
    for (const v1::ActiveGroup& group : response.groups()) {
      for (const int place : group.latents()) {
        v1::Edit* edit = steer.add_edits();
        edit->set_latent(explanation.latents(place).latent());
        edit->set_remove(true);
      }
    }
    v1::SteerResponse steered;
    grpc::ClientContext context;
    ASSERT_TRUE(stack_.explainer->Steer(&context, steer, &steered).ok());
    v1::ExplainRequest after;
    after.set_sae(Stack::kSae);
    *after.mutable_subject()->mutable_activations() = steered.activation();
    after.add_item_ids(item);
    const v1::Explanation explained = Explain(after).explanations(0);
    const v1::ExplainedItem& placed = explained.items(explained.items_size() - 1);
    EXPECT_EQ(placed.rank(), response.rank_after());
    EXPECT_EQ(response.found(), response.rank_after() > 10);
    found += response.found();
    if (response.found()) {
      EXPECT_TRUE(response.smallest());
      EXPECT_THAT(response.sentence(), HasSubstr("not among the first 10"));
    }
  }
  EXPECT_GT(found, 10);
}

TEST_F(WhyTest, AnItemThatIsNotInTheListHasNothingToFind) {
  Build();
  const std::vector<int32_t> ranked = RankedItems(stack_.head(), stack_.Activation(7), {});
  v1::FindCounterfactualResponse response;
  ASSERT_TRUE(Counterfactual(OfConcepts(7, Stack::ItemId(ranked[30])), &response).ok());
  EXPECT_FALSE(response.found());
  EXPECT_EQ(response.rank_before(), 31);
  EXPECT_EQ(response.tried_count(), 0);
  EXPECT_THAT(response.sentence(), HasSubstr("to begin with"));
}

TEST_F(WhyTest, CounterfactualsThatCannotBeFoundAreRefused) {
  v1::FindCounterfactualResponse response;
  v1::FindCounterfactualRequest request = OfConcepts(7, "no such");
  EXPECT_EQ(Reason(Counterfactual(request, &response)), "ITEM_NOT_FOUND");
  request = OfConcepts(7, Stack::ItemId(1));
  request.set_of(v1::FindCounterfactualRequest::OF_HISTORY);
  EXPECT_EQ(Reason(Counterfactual(request, &response)), "HISTORY_NEEDED");
  request = OfConcepts(7, Stack::ItemId(1));
  std::vector<float> rows(2 * Stack::kDim, 0.5F);
  WriteMatrix({rows.data(), 2, Stack::kDim}, request.mutable_subject()->mutable_activations());
  EXPECT_EQ(Reason(Counterfactual(request, &response)), "ONE_ACTIVATION_NEEDED");
  request = {};
  request.set_max_size(21);
  const absl::Status status = Counterfactual(request, &response);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* field : {"sae", "subject", "item_id", "max_size"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
}

}  // namespace
}  // namespace recsae::explainer
