// What the explainer caches follows its peers: items, SAEs, concepts, and who a recommender is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "common/rpc/grpc_status.h"
#include "tests/unit/explainer/service/stack.h"

namespace recsae::explainer {
namespace {

using ::testing::HasSubstr;

class FeedsTest : public ::testing::Test {
 protected:
  FeedsTest() { stack_.Fill(); }

  v1::ExplainRequest Request() const {
    v1::ExplainRequest request;
    request.set_sae(Stack::kSae);
    WriteVector(stack_.Activation(1), request.mutable_subject()->mutable_activations());
    return request;
  }

  absl::StatusOr<v1::Explanation> Explain() {
    grpc::ClientContext context;
    v1::ExplainResponse response;
    RECSAE_RETURN_IF_ERROR(FromGrpc(stack_.explainer->Explain(&context, Request(), &response)));
    return response.explanations(0);
  }

  // Explains until `wanted`; the feeds take milliseconds, and a minute is too long.
  void ExplainUntil(const std::function<bool(const absl::StatusOr<v1::Explanation>&)>& wanted) {
    const absl::Time end = absl::Now() + absl::Minutes(1);
    absl::StatusOr<v1::Explanation> last = Explain();
    for (; !wanted(last) && absl::Now() < end; last = Explain()) {
    }
    EXPECT_TRUE(wanted(last)) << last.status();
  }

  std::string StrongestDescription() {
    const absl::StatusOr<v1::Explanation> explanation = Explain();
    EXPECT_TRUE(explanation.ok()) << explanation.status();
    return explanation.ok() ? explanation->latents(0).description() : "";
  }

  // A concept of the strongest latent of user 1.
  void Describe(const std::string& description, int writes = 1) {
    for (int i = 0; i < writes; ++i) {
      grpc::ClientContext context;
      concept_store::v1::BatchUpsertConceptsRequest request;
      concept_store::v1::BatchUpsertConceptsResponse response;
      request.set_parent(Stack::kSae);
      request.add_concepts()->set_latent(1);
      request.mutable_concepts(0)->set_description(description);
      const grpc::Status status =
          stack_.concept_store->BatchUpsertConcepts(&context, request, &response);
      ASSERT_TRUE(status.ok()) << status.error_message();
    }
  }

  void DeleteSae() {
    grpc::ClientContext context;
    concept_store::v1::DeleteSaeRequest request;
    google::protobuf::Empty response;
    request.set_name(Stack::kSae);
    ASSERT_TRUE(stack_.concept_store->DeleteSae(&context, request, &response).ok());
  }

  void DeleteRecommender() {
    grpc::ClientContext context;
    probe::v1::DeleteRecommenderRequest request;
    google::protobuf::Empty response;
    request.set_name(Stack::kRecommender);
    request.set_force(true);
    ASSERT_TRUE(stack_.probe->DeleteRecommender(&context, request, &response).ok());
  }

  static auto Says(const std::string& description) {
    return [description](const absl::StatusOr<v1::Explanation>& explanation) {
      return explanation.ok() && explanation->latents(0).description() == description;
    };
  }

  static auto FailsWith(const std::string& reason) {
    return [reason](const absl::StatusOr<v1::Explanation>& explanation) {
      return Reason(explanation.status()) == reason;
    };
  }

  Stack stack_;
};

TEST_F(FeedsTest, TitlesReplacedByAnUploadShow) {
  ASSERT_THAT(Explain()->items(0).title(), HasSubstr("Film"));
  const std::string first = Explain()->items(0).item_id();
  stack_.UploadItems("Renamed");
  ExplainUntil([&](const auto& explanation) {
    return explanation.ok() && explanation->items(0).title().rfind("Renamed", 0) == 0;
  });
  EXPECT_EQ(Explain()->items(0).item_id(), first);
}

TEST_F(FeedsTest, TitlesReplacedWhileTheProbeWasAwayShow) {
  ASSERT_THAT(Explain()->items(0).title(), HasSubstr("Film"));
  stack_.probe_server->Stop();
  stack_.probe_server->Start();
  stack_.UploadItems("Renamed");
  ExplainUntil([&](const auto& explanation) {
    return explanation.ok() && explanation->items(0).title().rfind("Renamed", 0) == 0;
  });
}

TEST_F(FeedsTest, ADeletedSaeExplainsNothingAndItsSuccessorItself) {
  ASSERT_TRUE(Explain().ok());
  Describe("of the first");
  ExplainUntil(Says("of the first"));
  DeleteSae();
  ExplainUntil(FailsWith("SAE_NOT_FOUND"));
  stack_.Publish();  // other random directions
  Describe("of the second");
  ExplainUntil(Says("of the second"));
}

TEST_F(FeedsTest, AWipedStoreThatHasOutgrownTheExplainerLeavesNoGhosts) {
  Describe("ghost", 3);
  ExplainUntil(Says("ghost"));
  stack_.concept_store_server->Stop();
  stack_.concept_store_server->Wipe();
  stack_.concept_store_server->Start();
  stack_.Publish();
  {
    grpc::ClientContext context;
    concept_store::v1::BatchUpsertConceptsRequest request;
    concept_store::v1::BatchUpsertConceptsResponse response;
    request.set_parent(Stack::kSae);
    for (int latent = 2; latent < Stack::kLatents; ++latent) {
      request.add_concepts()->set_latent(latent);
    }
    ASSERT_TRUE(stack_.concept_store->BatchUpsertConcepts(&context, request, &response).ok());
  }
  ExplainUntil(Says(""));
}

TEST_F(FeedsTest, ARecommenderMadeAnewUnderItsNameIsAnotherOne) {
  stack_.PublishKnowingTheRecommender("bound");
  const auto bound = [&](auto request) {
    request.set_sae("saes/bound");
    return request;
  };
  v1::ExplainResponse explained;
  v1::SteerRequest steer;
  *steer.mutable_subject() = Request().subject();
  auto* edit = steer.add_edits();
  edit->set_latent(1);
  edit->set_scale(2);
  v1::SteerResponse steered;
  v1::BuildConceptsRequest build;
  build.set_capture(Stack::kCapture);
  v1::EvaluateSaeRequest evaluate;
  evaluate.set_capture(Stack::kCapture);
  jobs::v1::Job job;
  const auto call = [&](auto method, const auto& request, auto* response) {
    grpc::ClientContext context;
    return FromGrpc((stack_.explainer.get()->*method)(&context, bound(request), response));
  };
  using Stub = v1::Explainer::Stub;
  EXPECT_TRUE(call(&Stub::Explain, Request(), &explained).ok());
  EXPECT_TRUE(call(&Stub::Steer, steer, &steered).ok());

  DeleteRecommender();
  stack_.UploadRecommender();
  stack_.Record();
  const absl::Time end = absl::Now() + absl::Minutes(1);
  while (call(&Stub::Explain, Request(), &explained).ok() && absl::Now() < end) {
  }
  for (const absl::Status& status :
       {call(&Stub::Explain, Request(), &explained), call(&Stub::Steer, steer, &steered),
        call(&Stub::BuildConcepts, build, &job), call(&Stub::EvaluateSae, evaluate, &job)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(Reason(status), "RECOMMENDER_CHANGED") << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("train an SAE"));
    EXPECT_EQ(Metadata(status).size(), 4U);
  }
  // An SAE that does not know whose it is goes on, as one of an earlier version does.
  EXPECT_TRUE(Explain().ok());
}

TEST_F(FeedsTest, AStoppedExplainerGoesOnWithWhatItHas) {
  Describe("kept");
  ExplainUntil(Says("kept"));
  stack_.explainer_server->Drain();
  Describe("not heard of");
  EXPECT_EQ(StrongestDescription(), "kept");
}

}  // namespace
}  // namespace recsae::explainer
