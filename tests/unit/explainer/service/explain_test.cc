// Explain through real peers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "common/rpc/grpc_status.h"
#include "tests/unit/explainer/random_model.h"
#include "tests/unit/explainer/service/stack.h"

namespace recsae::explainer {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class ExplainTest : public ::testing::Test {
 protected:
  ExplainTest() { stack_.Fill(); }

  v1::ExplainRequest RequestFor(const std::vector<float>& x) const {
    v1::ExplainRequest request;
    request.set_sae(Stack::kSae);
    WriteVector(x, request.mutable_subject()->mutable_activations());
    return request;
  }

  absl::Status Call(const v1::ExplainRequest& request, v1::ExplainResponse* response) {
    grpc::ClientContext context;
    return FromGrpc(stack_.explainer->Explain(&context, request, response));
  }

  v1::ExplainResponse Explain(const v1::ExplainRequest& request) {
    v1::ExplainResponse response;
    const absl::Status status = Call(request, &response);
    EXPECT_TRUE(status.ok()) << status;
    return response;
  }

  void ExpectError(const v1::ExplainRequest& request, absl::StatusCode code,
                   const std::string& reason, const std::string& text) {
    v1::ExplainResponse response;
    const absl::Status status = Call(request, &response);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(Reason(status), reason) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }

  // Stores a concept of the latent, of the group that `lead` leads.
  void Put(int latent, int lead, const std::string& description, double correlation) {
    concept_store::v1::BatchUpsertConceptsRequest request;
    concept_store::v1::BatchUpsertConceptsResponse response;
    request.set_parent(Stack::kSae);
    auto* stored = request.add_concepts();
    stored->set_latent(latent);
    stored->set_description(description);
    stored->mutable_group()->set_lead_latent(lead);
    stored->mutable_group()->set_size(2);
    stored->mutable_tests()->mutable_predictive()->set_correlation(correlation);
    stored->mutable_tests()->set_verified(correlation > 0.5);
    grpc::ClientContext context;
    const absl::Status status =
        FromGrpc(stack_.concept_store->BatchUpsertConcepts(&context, request, &response));
    ASSERT_TRUE(status.ok()) << status;
  }

  void Delete(int latent) {
    concept_store::v1::DeleteConceptRequest request;
    google::protobuf::Empty response;
    request.set_name(std::string(Stack::kSae) + "/concepts/" + std::to_string(latent));
    grpc::ClientContext context;
    const absl::Status status =
        FromGrpc(stack_.concept_store->DeleteConcept(&context, request, &response));
    ASSERT_TRUE(status.ok()) << status;
  }

  // Once the first group says so; what is stored is known a moment later.
  v1::Explanation ExplainOnceItSays(const v1::ExplainRequest& request,
                                    const std::string& description) {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    v1::Explanation explanation = Explain(request).explanations(0);
    while (explanation.groups(0).description() != description && absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(20));
      explanation = Explain(request).explanations(0);
    }
    EXPECT_EQ(explanation.groups(0).description(), description);
    return explanation;
  }

  Stack stack_;
};

// Each latent is in one group, and the groups' parts are sums of the latents'.
void ExpectGroupsAddUp(const v1::Explanation& explanation) {
  std::set<int> places;
  for (const v1::ActiveGroup& group : explanation.groups()) {
    for (const int place : group.latents()) EXPECT_TRUE(places.insert(place).second);
  }
  EXPECT_EQ(static_cast<int>(places.size()), explanation.latents_size());
  EXPECT_GT(explanation.items_size(), 0);
  for (const v1::ExplainedItem& item : explanation.items()) {
    ASSERT_EQ(item.group_contributions_size(), explanation.groups_size());
    for (int g = 0; g < explanation.groups_size(); ++g) {
      double sum = 0;
      for (const int place : explanation.groups(g).latents()) sum += item.contributions(place);
      EXPECT_EQ(item.group_contributions(g), sum);
    }
    const double score =
        std::accumulate(item.group_contributions().begin(), item.group_contributions().end(),
                        item.bias() + item.residual());
    EXPECT_NEAR(score, item.score(), 1e-4 * std::abs(item.score()));
  }
}

TEST_F(ExplainTest, PartsOfEveryScoreAddUpAndItemsAreTheBest) {
  const std::vector<float>& x = stack_.Activation(6);
  v1::ExplainRequest request = RequestFor(x);
  request.set_top_item_count(20);
  request.add_exclude_item_ids(Stack::ItemId(RankedItems(stack_.head(), x, {})[0]));
  request.add_exclude_item_ids("sold-out");
  const v1::ExplainResponse response = Explain(request);
  ASSERT_EQ(response.unknown_item_ids_size(), 1);
  EXPECT_EQ(response.unknown_item_ids(0), "sold-out");
  ASSERT_EQ(response.explanations_size(), 1);
  const v1::Explanation& explanation = response.explanations(0);
  EXPECT_EQ(explanation.latents(0).latent(), 6 % Stack::kGenres);
  EXPECT_EQ(explanation.latents(0).level(), 0);  // no concepts yet
  ASSERT_EQ(explanation.items_size(), 20);
  const auto best = RankedItems(stack_.head(), x, {});
  for (int i = 0; i < 20; ++i) {
    const v1::ExplainedItem& item = explanation.items(i);
    EXPECT_EQ(item.item_id(), Stack::ItemId(best[i + 1]));
    EXPECT_EQ(item.title(), "Film " + std::to_string(best[i + 1]));
    EXPECT_EQ(item.rank(), i + 1);
    EXPECT_NEAR(item.score(), Score(stack_.head(), x, best[i + 1]), 1e-6);
    ASSERT_EQ(item.contributions_size(), explanation.latents_size());
    const double sum = std::accumulate(item.contributions().begin(), item.contributions().end(),
                                       item.bias() + item.residual());
    EXPECT_NEAR(sum, item.score(), 1e-4 * std::abs(item.score()));
  }
}

TEST_F(ExplainTest, LatentsWithoutConceptsAreGroupsOfTheirOwn) {
  const v1::Explanation explanation = Explain(RequestFor(stack_.Activation(6))).explanations(0);
  ASSERT_EQ(explanation.latents_size(), Stack::kActive);
  ASSERT_EQ(explanation.groups_size(), Stack::kActive);
  for (int i = 0; i < Stack::kActive; ++i) {
    const v1::ActiveGroup& group = explanation.groups(i);
    EXPECT_EQ(group.lead_latent(), explanation.latents(i).latent());
    EXPECT_THAT(group.latents(), ElementsAre(i));
    EXPECT_EQ(group.description(), "");
    EXPECT_EQ(group.correlation(), 0);
    EXPECT_FALSE(group.verified());
  }
  ExpectGroupsAddUp(explanation);
}

TEST_F(ExplainTest, LatentsThatSayTheSameAreToldAsOne) {
  const v1::ExplainRequest request = RequestFor(stack_.Activation(6));
  const v1::Explanation before = Explain(request).explanations(0);
  const int strong = before.latents(0).latent();
  const int weak = before.latents(1).latent();
  Put(strong, weak, "my own words", 0.4);
  Put(weak, weak, "the group's words", 0.9);
  const v1::Explanation explanation = ExplainOnceItSays(request, "the group's words");
  ASSERT_EQ(explanation.groups_size(), 1);
  EXPECT_EQ(explanation.groups(0).lead_latent(), weak);
  EXPECT_EQ(explanation.groups(0).correlation(), 0.9);
  EXPECT_TRUE(explanation.groups(0).verified());
  EXPECT_THAT(explanation.groups(0).latents(), ElementsAre(0, 1));
  // The latents themselves keep their own words.
  EXPECT_EQ(explanation.latents(0).description(), "my own words");
  EXPECT_EQ(explanation.latents(0).correlation(), 0.4);
  EXPECT_FALSE(explanation.latents(0).verified());
  EXPECT_GT(explanation.latents(0).level(), 0);
  ExpectGroupsAddUp(explanation);
}

TEST_F(ExplainTest, ALeadNeedNotBeActiveNorThere) {
  const v1::ExplainRequest request = RequestFor(stack_.Activation(6));
  const v1::Explanation before = Explain(request).explanations(0);
  const int strong = before.latents(0).latent();
  const int weak = before.latents(1).latent();
  int lead = 0;  // neither of them
  while (lead == strong || lead == weak) ++lead;
  Put(strong, lead, "a member's words", 0.4);
  Put(lead, lead, "the lead's words", 0.9);
  v1::Explanation explanation = ExplainOnceItSays(request, "the lead's words");
  ASSERT_EQ(explanation.groups_size(), 2);
  EXPECT_EQ(explanation.groups(0).lead_latent(), lead);
  EXPECT_THAT(explanation.groups(0).latents(), ElementsAre(0));
  EXPECT_EQ(explanation.groups(0).correlation(), 0.9);
  EXPECT_EQ(explanation.groups(1).lead_latent(), weak);
  ExpectGroupsAddUp(explanation);

  // Its concept gone, a member speaks; it is the same group as before.
  Delete(lead);
  explanation = ExplainOnceItSays(request, "a member's words");
  ASSERT_EQ(explanation.groups_size(), 2);
  EXPECT_EQ(explanation.groups(0).lead_latent(), lead);
  EXPECT_EQ(explanation.groups(0).correlation(), 0.4);
  EXPECT_FALSE(explanation.groups(0).verified());
  ExpectGroupsAddUp(explanation);

  // Of two members of which the stronger has no concept, each is for itself.
  Put(weak, lead, "another member's words", 0.3);
  Delete(strong);
  const absl::Time end = absl::Now() + absl::Seconds(20);
  do {
    explanation = Explain(request).explanations(0);
  } while (explanation.groups(0).lead_latent() != strong && absl::Now() < end);
  ASSERT_EQ(explanation.groups_size(), 2);
  EXPECT_EQ(explanation.groups(0).lead_latent(), strong);
  EXPECT_EQ(explanation.groups(0).description(), "");
  EXPECT_EQ(explanation.groups(1).description(), "another member's words");
  ExpectGroupsAddUp(explanation);
}

TEST_F(ExplainTest, ManyActivationsGiveOneExplanationEach) {
  std::vector<float> rows;
  for (int user = 0; user < 256; ++user) {
    rows.insert(rows.end(), stack_.Activation(user).begin(), stack_.Activation(user).end());
  }
  v1::ExplainRequest request = RequestFor({});
  WriteMatrix({rows.data(), 256, Stack::kDim}, request.mutable_subject()->mutable_activations());
  const v1::ExplainResponse response = Explain(request);
  ASSERT_EQ(response.explanations_size(), 256);
  for (int user = 0; user < 256; user += 17) {
    const v1::ExplainResponse alone = Explain(RequestFor(stack_.Activation(user)));
    EXPECT_EQ(response.explanations(user).SerializeAsString(),
              alone.explanations(0).SerializeAsString());
  }
}

TEST_F(ExplainTest, CapturedUserLeavesOutWhatTheUserTouched) {
  v1::ExplainRequest request;
  request.set_sae(Stack::kSae);
  auto* user = request.mutable_subject()->mutable_captured_user();
  user->set_capture(Stack::kCapture);
  user->set_user_id(Stack::UserId(9));
  request.set_top_item_count(Stack::kItems);
  const v1::Explanation explanation = Explain(request).explanations(0);
  std::vector<std::string> ids;
  for (const auto& item : explanation.items()) ids.push_back(item.item_id());
  const probe::v1::Case& captured = stack_.CaseOf(9);
  for (const std::string& id : captured.history_item_ids()) EXPECT_THAT(ids, Not(Contains(id)));
  EXPECT_THAT(ids, Not(Contains(captured.excluded_item_ids(0))));
  EXPECT_NEAR(explanation.items(0).score(),
              Score(stack_.head(), stack_.Activation(9), std::stoi(ids[0].substr(4))), 1e-6);
}

TEST_F(ExplainTest, SaysThatNothingIsLeftToRecommend) {
  v1::ExplainRequest request = RequestFor(stack_.Activation(0));
  EXPECT_THAT(Explain(request).warnings(), Not(Contains(HasSubstr("nothing is left"))));
  for (int item = 0; item < Stack::kItems; ++item) {
    request.add_exclude_item_ids(Stack::ItemId(item));
  }
  const v1::ExplainResponse response = Explain(request);
  EXPECT_EQ(response.explanations(0).items_size(), 0);
  EXPECT_THAT(response.warnings(), Contains(HasSubstr("nothing is left")));
}

TEST_F(ExplainTest, ItemsAskedForFollowTheBest) {
  v1::ExplainRequest request = RequestFor(stack_.Activation(0));
  const auto order = RankedItems(stack_.head(), stack_.Activation(0), {});
  request.set_top_item_count(2);
  request.add_item_ids(Stack::ItemId(order[30]));
  const v1::Explanation explanation = Explain(request).explanations(0);
  ASSERT_EQ(explanation.items_size(), 3);
  EXPECT_EQ(explanation.items(2).item_id(), Stack::ItemId(order[30]));
  EXPECT_EQ(explanation.items(2).rank(), 31);
}

TEST_F(ExplainTest, GoesOnWithoutPeersOnceItKnowsThem) {
  const v1::ExplainRequest request = RequestFor(stack_.Activation(1));
  const v1::ExplainResponse before = Explain(request);
  stack_.concept_store_server->Stop();
  stack_.probe_server->Stop();
  EXPECT_EQ(Explain(request).SerializeAsString(), before.SerializeAsString());

  v1::ExplainRequest needs_probe = request;
  needs_probe.mutable_subject()->mutable_captured_user()->set_capture(Stack::kCapture);
  needs_probe.mutable_subject()->mutable_captured_user()->set_user_id(Stack::UserId(1));
  ExpectError(needs_probe, absl::StatusCode::kUnavailable, "PEER_UNAVAILABLE", "probe");
  v1::ExplainRequest needs_store = request;
  needs_store.set_sae("saes/other");
  ExpectError(needs_store, absl::StatusCode::kUnavailable, "PEER_UNAVAILABLE", "concept-store");
}

TEST_F(ExplainTest, AnSaeIsReadAgainAfterAFailure) {
  stack_.concept_store_server->Stop();
  const v1::ExplainRequest request = RequestFor(stack_.Activation(1));
  ExpectError(request, absl::StatusCode::kUnavailable, "PEER_UNAVAILABLE", "concept-store");
  stack_.concept_store_server->Start();
  const absl::Time end = absl::Now() + absl::Seconds(20);
  v1::ExplainResponse response;
  absl::Status status = Call(request, &response);
  while (!status.ok() && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(50));  // the channel waits before it connects again
    status = Call(request, &response);
  }
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(ExplainTest, WithoutHeadThereAreLatentsAndNoItems) {
  grpc::ClientContext create_context;
  probe::v1::CreateRecommenderRequest create;
  probe::v1::Recommender recommender;
  create.set_recommender_id("headless");
  create.set_catalog("catalogs/items");
  create.set_activation_dim(Stack::kDim);
  ASSERT_TRUE(stack_.probe->CreateRecommender(&create_context, create, &recommender).ok());
  grpc::ClientContext publish_context;
  concept_store::v1::Sae sae;
  const auto writer = stack_.concept_store->PublishSae(&publish_context, &sae);
  concept_store::v1::PublishSaeRequest publish;
  auto* header = publish.mutable_header();
  header->set_sae_id("headless");
  header->mutable_sae()->set_activation_dim(Stack::kDim);
  header->mutable_sae()->set_latent_count(1);
  header->mutable_sae()->set_k(1);
  header->mutable_sae()->set_architecture(concept_store::v1::Sae::ARCHITECTURE_TOPK);
  header->mutable_sae()->set_scale(1);
  header->mutable_sae()->set_capture("recommenders/headless/captures/train");
  writer->Write(publish);
  const std::vector<float> ones(Stack::kDim, 1.0f);
  using Weights = concept_store::v1::SaeWeights;
  for (const auto array :
       {Weights::ARRAY_W_ENC, Weights::ARRAY_B_ENC, Weights::ARRAY_W_DEC, Weights::ARRAY_B_PRE}) {
    Weights* weights = publish.mutable_weights();
    weights->Clear();
    weights->set_array(array);
    if (array == Weights::ARRAY_W_ENC || array == Weights::ARRAY_W_DEC) {
      WriteMatrix({ones.data(), 1, Stack::kDim}, weights->mutable_values());
    } else {
      WriteVector(
          absl::MakeConstSpan(ones).subspan(0, array == Weights::ARRAY_B_ENC ? 1 : Stack::kDim),
          weights->mutable_values());
    }
    writer->Write(publish);
  }
  writer->WritesDone();
  const grpc::Status published = writer->Finish();
  ASSERT_TRUE(published.ok()) << published.error_message();

  v1::ExplainRequest request = RequestFor(std::vector<float>(Stack::kDim, 3.0f));
  request.set_sae("saes/headless");
  const v1::Explanation explanation = Explain(request).explanations(0);
  EXPECT_EQ(explanation.latents_size(), 1);
  EXPECT_EQ(explanation.items_size(), 0);
  request.add_item_ids(Stack::ItemId(0));
  ExpectError(request, absl::StatusCode::kFailedPrecondition, "NO_PREDICTION_HEAD",
              "recommenders/headless");

  // A head that is uploaded later is seen at once.
  grpc::ClientContext upload_context;
  const auto upload = stack_.probe->UploadPredictionHead(&upload_context, &recommender);
  probe::v1::UploadPredictionHeadRequest rows;
  rows.mutable_header()->set_recommender("recommenders/headless");
  upload->Write(rows);
  for (int i = 0; i < Stack::kItems; ++i) rows.mutable_batch()->add_item_ids(Stack::ItemId(i));
  WriteMatrix({stack_.head().vectors.data(), Stack::kItems, Stack::kDim},
              rows.mutable_batch()->mutable_vectors());
  upload->Write(rows);
  upload->WritesDone();
  ASSERT_TRUE(upload->Finish().ok());
  EXPECT_EQ(Explain(request).explanations(0).items_size(), 11);
}

TEST_F(ExplainTest, BadRequestsAreRefusedWithTheirReasons) {
  using Code = absl::StatusCode;
  struct BadCase {
    Code code;
    std::string reason;
    std::string text;
    std::function<void(v1::ExplainRequest&)> change;
  };
  const std::vector<float> x = stack_.Activation(0);
  const auto tensor = [](v1::ExplainRequest& r) {
    return r.mutable_subject()->mutable_activations();
  };
  const std::vector<BadCase> cases = {
      {Code::kInvalidArgument, "RESOURCE_NAME_INVALID", "sae",
       [](auto& r) { r.set_sae("planted"); }},
      {Code::kNotFound, "SAE_NOT_FOUND", "saes/none", [](auto& r) { r.set_sae("saes/none"); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "subject", [](auto& r) { r.clear_subject(); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "top_item_count",
       [](auto& r) { r.set_top_item_count(-1); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", "top_item_count",
       [](auto& r) { r.set_top_item_count(1001); }},
      {Code::kNotFound, "ITEM_NOT_FOUND", "nothing", [](auto& r) { r.add_item_ids("nothing"); }},
      {Code::kInvalidArgument, "TENSOR_TYPE_MISMATCH", "subject.activations",
       [&](auto& r) { tensor(r)->set_data_type(tensor::v1::DATA_TYPE_FLOAT64); }},
      {Code::kInvalidArgument, "TENSOR_SHAPE_MISMATCH", "subject.activations",
       [&](auto& r) {
         WriteVector({x.data(), 7}, tensor(r));
       }},
      {Code::kInvalidArgument, "TENSOR_SHAPE_MISMATCH", "subject.activations",
       [&](auto& r) {
         WriteMatrix({nullptr, 0, Stack::kDim}, tensor(r));
       }},
      {Code::kInvalidArgument, "TENSOR_SHAPE_MISMATCH", "256",
       [&](auto& r) {
         const std::vector<float> rows(257 * Stack::kDim);
         WriteMatrix({rows.data(), 257, Stack::kDim}, tensor(r));
       }},
      {Code::kInvalidArgument, "TENSOR_SIZE_MISMATCH", "subject.activations",
       [&](auto& r) { tensor(r)->mutable_data()->pop_back(); }},
      {Code::kInvalidArgument, "TENSOR_NOT_FINITE", "subject.activations",
       [&](auto& r) {
         std::vector<float> bad = x;
         bad[3] = std::nanf("");
         WriteVector(bad, tensor(r));
       }},
      {Code::kNotFound, "CAPTURE_NOT_FOUND", "captures/none",
       [](auto& r) {
         r.mutable_subject()->mutable_captured_user()->set_capture(
             "recommenders/outside/captures/none");
         r.mutable_subject()->mutable_captured_user()->set_user_id("user0");
       }},
      {Code::kNotFound, "CASE_NOT_FOUND", "nobody",
       [](auto& r) {
         r.mutable_subject()->mutable_captured_user()->set_capture(Stack::kCapture);
         r.mutable_subject()->mutable_captured_user()->set_user_id("nobody");
       }},
      {Code::kInvalidArgument, "RECOMMENDER_MISMATCH", "recommenders/else",
       [](auto& r) {
         r.mutable_subject()->mutable_captured_user()->set_capture(
             "recommenders/else/captures/test");
         r.mutable_subject()->mutable_captured_user()->set_user_id("user0");
       }},
      {Code::kFailedPrecondition, "RECOMMENDER_NOT_HOSTED", "outside",
       [](auto& r) { r.mutable_subject()->mutable_history()->add_item_ids("item1"); }},
  };
  for (const BadCase& bad : cases) {
    SCOPED_TRACE(bad.reason + " " + bad.text);
    v1::ExplainRequest request = RequestFor(x);
    bad.change(request);
    ExpectError(request, bad.code, bad.reason, bad.text);
  }
  EXPECT_EQ(Explain(RequestFor(x)).explanations_size(), 1);  // alive after all of it
}

TEST_F(ExplainTest, ListsEveryViolation) {
  v1::ExplainRequest request;
  request.set_sae("x");
  request.set_top_item_count(-3);
  v1::ExplainResponse response;
  const absl::Status status = Call(request, &response);
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("sae"));
  EXPECT_THAT(message, HasSubstr("subject"));
  EXPECT_THAT(message, HasSubstr("top_item_count"));
}

TEST_F(ExplainTest, AResponseThatFitsNoMessageIsRefused) {
  const std::vector<float> rows(256 * Stack::kDim, 1.0f);
  v1::ExplainRequest request = RequestFor({});
  WriteMatrix({rows.data(), 256, Stack::kDim}, request.mutable_subject()->mutable_activations());
  for (int i = 0; i < 1000; ++i) request.add_item_ids(Stack::ItemId(i % Stack::kItems));
  ExpectError(request, absl::StatusCode::kResourceExhausted, "RESPONSE_TOO_LARGE", "256");
}

}  // namespace
}  // namespace recsae::explainer
