// The jobs build-concepts and evaluate-sae, and the feed of concepts, through real peers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "common/rpc/grpc_status.h"
#include "tests/unit/explainer/random_model.h"
#include "tests/unit/explainer/service/stack.h"

namespace recsae::explainer {
namespace {

using jobs::v1::Job;
using ::testing::HasSubstr;

class ConceptJobsTest : public ::testing::Test {
 protected:
  explicit ConceptJobsTest(bool users_have_names = true) { stack_.Fill(users_have_names); }

  static v1::BuildConceptsRequest BuildRequest() {
    v1::BuildConceptsRequest request;
    request.set_sae(Stack::kSae);
    request.set_capture(Stack::kCapture);
    return request;
  }

  absl::Status Build(const v1::BuildConceptsRequest& request, jobs::v1::Job* job) {
    grpc::ClientContext context;
    return FromGrpc(stack_.explainer->BuildConcepts(&context, request, job));
  }

  v1::ConceptReport BuildAndWait(const v1::BuildConceptsRequest& request) {
    jobs::v1::Job job;
    const absl::Status status = Build(request, &job);
    EXPECT_TRUE(status.ok()) << status;
    job = stack_.Finish(job);
    EXPECT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.ShortDebugString();
    v1::ConceptReport report;
    EXPECT_TRUE(job.result().UnpackTo(&report));
    return report;
  }

  static v1::EvaluateSaeRequest EvaluationRequest() {
    v1::EvaluateSaeRequest request;
    request.set_sae(Stack::kSae);
    request.set_capture(Stack::kCapture);
    return request;
  }

  absl::Status Evaluate(const v1::EvaluateSaeRequest& request, jobs::v1::Job* job) {
    grpc::ClientContext context;
    return FromGrpc(stack_.explainer->EvaluateSae(&context, request, job));
  }

  v1::Evaluation EvaluateAndWait(const v1::EvaluateSaeRequest& request) {
    jobs::v1::Job job;
    const absl::Status status = Evaluate(request, &job);
    EXPECT_TRUE(status.ok()) << status;
    job = stack_.Finish(job);
    EXPECT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.ShortDebugString();
    v1::Evaluation evaluation;
    EXPECT_TRUE(job.result().UnpackTo(&evaluation));
    return evaluation;
  }

  std::vector<concept_store::v1::Concept> Concepts() {
    grpc::ClientContext context;
    concept_store::v1::ListConceptsRequest request;
    concept_store::v1::ListConceptsResponse response;
    request.set_parent(Stack::kSae);
    const grpc::Status status = stack_.concept_store->ListConcepts(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.concepts().begin(), response.concepts().end()};
  }

  concept_store::v1::Concept Describe(int latent, const std::string& description) {
    grpc::ClientContext context;
    concept_store::v1::UpdateConceptRequest request;
    concept_store::v1::Concept stored;
    request.mutable_latent_concept()->set_name(std::string(Stack::kSae) + "/concepts/" +
                                               std::to_string(latent));
    request.mutable_latent_concept()->set_description(description);
    request.mutable_update_mask()->add_paths("description");
    const grpc::Status status = stack_.concept_store->UpdateConcept(&context, request, &stored);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return stored;
  }

  // The strongest latent of a user, as Explain tells it.
  v1::ActiveLatent StrongestLatent(int user) {
    grpc::ClientContext context;
    v1::ExplainRequest request;
    v1::ExplainResponse response;
    request.set_sae(Stack::kSae);
    WriteVector(stack_.Activation(user), request.mutable_subject()->mutable_activations());
    const grpc::Status status = stack_.explainer->Explain(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return status.ok() ? response.explanations(0).latents(0) : v1::ActiveLatent();
  }

  // Whether Explain comes to describe latent 0 so within a while: the feed is a moment behind.
  bool ComesToSay(const std::string& description) {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while (absl::Now() < end) {
      if (StrongestLatent(0).description() == description) return true;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return false;
  }

  Stack stack_;
};

TEST_F(ConceptJobsTest, PlantedConceptsAreFoundNamedAndExplained) {
  const v1::ConceptReport report = BuildAndWait(BuildRequest());
  EXPECT_EQ(report.sae(), Stack::kSae);
  EXPECT_EQ(report.row_count(), Stack::kUsers);
  EXPECT_EQ(report.row_without_user_count(), 0);
  EXPECT_EQ(report.concept_count() + report.too_rare_count() + report.dead_count(),
            Stack::kLatents);
  EXPECT_GE(report.paper().confidence_80_count(), Stack::kGenres);
  EXPECT_GT(report.paper().confidence_80_count(), report.paper_control().confidence_80_count());

  const auto concepts = Concepts();
  ASSERT_EQ(static_cast<int>(concepts.size()), report.concept_count());
  for (int genre = 0; genre < Stack::kGenres; ++genre) {
    const concept_store::v1::Concept& found = concepts[genre];
    ASSERT_EQ(found.latent(), genre);
    EXPECT_THAT(absl::AsciiStrToLower(found.description()),
                HasSubstr(absl::AsciiStrToLower(Stack::Genre(genre))));
    EXPECT_GE(found.paper_score().confidence(), 0.8);
    EXPECT_GE(found.tests().predictive().correlation(), 0.8);
    EXPECT_LE(found.tests().predictive().p_value(), 0.05);
    EXPECT_TRUE(found.tests().causal().passed()) << found.tests().ShortDebugString();
    EXPECT_EQ(found.statistics().row_count(), Stack::kUsers);
    EXPECT_EQ(found.statistics().level_thresholds_size(), 9);
    ASSERT_GT(found.evidence_size(), 0);
    const concept_store::v1::Evidence& strongest = found.evidence(0);
    EXPECT_EQ(strongest.capture(), Stack::kCapture);
    EXPECT_EQ(strongest.level(), 10);
    EXPECT_NEAR(strongest.activation(), found.statistics().max(), 1e-6);
    EXPECT_EQ(strongest.history_item_ids().size(),
              stack_.CaseOf(static_cast<int>(strongest.row())).history_item_ids().size());
    // Explain knows them as soon as the job is done.
    const v1::ActiveLatent latent = StrongestLatent(genre);
    EXPECT_EQ(latent.latent(), genre);
    EXPECT_EQ(latent.description(), found.description());
    EXPECT_EQ(latent.correlation(), found.tests().predictive().correlation());
    EXPECT_EQ(latent.verified(), found.tests().verified());
    EXPECT_GE(latent.level(), 1);
    EXPECT_LE(latent.level(), 10);
  }
}

// Of each group and of each genre, so that MODE_PROJECTION says the same of everyone afterwards.
TEST_F(ConceptJobsTest, WhatIsProjectedOutCannotBeRead) {
  const v1::ConceptReport report = BuildAndWait(BuildRequest());
  grpc::ClientContext context;
  concept_store::v1::GetBaselineRequest get;
  concept_store::v1::Baseline baseline;
  get.set_parent(Stack::kSae);
  ASSERT_TRUE(stack_.concept_store->GetBaseline(&context, get, &baseline).ok());
  EXPECT_EQ(baseline.erasures_size(), report.erasure_count());
  EXPECT_EQ(report.erasures_left_out_count(), 0);
  const std::string genre(Stack::Genre(0));
  const auto found = std::find_if(
      baseline.erasures().begin(), baseline.erasures().end(),
      [&](const concept_store::v1::Erasure& of) { return of.attribute().value() == genre; });
  ASSERT_NE(found, baseline.erasures().end());
  EXPECT_EQ(found->attribute().key(), "genre");

  // What an activation has along the first label's covariance, of those who like the genre and of
  // the others.
  const auto covariances = ReadMatrix(found->covariances(), "", kAnySize, Stack::kDim);
  ASSERT_TRUE(covariances.ok()) << covariances.status();
  const auto gap = [&](bool projected) {
    std::array<double, 2> sums = {}, counts = {};
    for (int user = 0; user < Stack::kUsers; user += 3) {
      v1::SteerRequest request;
      request.set_sae(Stack::kSae);
      request.set_max_change(0);
      if (projected) request.set_mode(v1::SteerRequest::MODE_PROJECTION);
      WriteVector(stack_.Activation(user), request.mutable_subject()->mutable_activations());
      request.add_edits()->set_text(genre);
      request.mutable_edits(0)->set_remove(projected);
      if (!projected) request.mutable_edits(0)->set_scale(1);
      v1::SteerResponse response;
      grpc::ClientContext call;
      EXPECT_TRUE(stack_.explainer->Steer(&call, request, &response).ok());
      const auto x = ReadVector(response.activation(), "", Stack::kDim);
      if (!x.ok()) return 0.0;
      const auto likes = static_cast<size_t>(user % Stack::kGenres == 0);
      for (int i = 0; i < Stack::kDim; ++i) sums[likes] += (*x)[i] * covariances->data[i];
      ++counts[likes];
    }
    return std::abs(sums[1] / counts[1] - sums[0] / counts[0]);
  };
  EXPECT_LT(gap(true), .1 * gap(false));
}

TEST_F(ConceptJobsTest, TheReportCountsWhatTheConceptsSay) {
  const v1::ConceptReport report = BuildAndWait(BuildRequest());
  EXPECT_EQ(report.untested(), "");
  const auto concepts = Concepts();
  v1::TestCounts counted;
  std::map<int, int> sizes;
  for (const auto& found : concepts) {
    const concept_store::v1::ConceptTests& tests = found.tests();
    ++sizes[found.group().lead_latent()];
    // Absent where no set of items goes with the latent.
    if (!found.has_tests()) continue;
    counted.set_described_count(counted.described_count() + 1);
    counted.set_predictive_count(counted.predictive_count() + tests.predictive().passed());
    counted.set_specific_count(counted.specific_count() + tests.specific().passed());
    counted.set_causal_count(counted.causal_count() + tests.causal().passed());
    counted.set_verified_count(counted.verified_count() + tests.verified());
    EXPECT_TRUE(tests.has_specific());
    EXPECT_TRUE(tests.has_causal());
    EXPECT_FALSE(tests.has_stable());
    EXPECT_EQ(tests.verified(),
              tests.predictive().passed() && tests.specific().passed() && tests.causal().passed());
    EXPECT_LE(tests.predictive().correlation_low(), tests.predictive().correlation());
    EXPECT_LE(tests.predictive().correlation(), tests.predictive().correlation_high());
    EXPECT_EQ(tests.specific().correlation(), tests.predictive().correlation());
    EXPECT_NE(tests.specific().nearest_latent(), found.latent());
    // Users who measure: some, and not those who describe.
    EXPECT_GT(tests.predictive().user_count(), Stack::kUsers / 10);
    EXPECT_LT(tests.predictive().user_count(), Stack::kUsers / 2);
    EXPECT_EQ(tests.predictive().row_count(), tests.predictive().user_count());
  }
  ASSERT_EQ(report.tests_size(), 4);
  const v1::TestCounts& trained = report.tests(0);
  EXPECT_EQ(trained.kind(), v1::DictionaryScore::KIND_TRAINED);
  EXPECT_EQ(trained.latent_count(), Stack::kLatents);
  EXPECT_FALSE(trained.has_paper());
  EXPECT_EQ(trained.described_count(), counted.described_count());
  EXPECT_EQ(trained.predictive_count(), counted.predictive_count());
  EXPECT_EQ(trained.specific_count(), counted.specific_count());
  EXPECT_EQ(trained.causal_count(), counted.causal_count());
  EXPECT_EQ(trained.verified_count(), counted.verified_count());
  // (Of random directions in a world of four genres, too, some point at one: few are verified.)
  EXPECT_GE(trained.described_count(), Stack::kGenres);
  EXPECT_GE(trained.causal_count(), Stack::kGenres);
  EXPECT_GT(trained.specific_count(), 0);

  EXPECT_EQ(report.tests(1).kind(), v1::DictionaryScore::KIND_RAW);
  EXPECT_EQ(report.tests(2).kind(), v1::DictionaryScore::KIND_RANDOM);
  EXPECT_EQ(report.tests(3).kind(), v1::DictionaryScore::KIND_EXEMPLARS);
  for (const v1::TestCounts& counts : report.tests()) {
    EXPECT_GT(counts.latent_count(), 0);
    EXPECT_LE(counts.described_count(), counts.latent_count());
    for (const int passed :
         {counts.predictive_count(), counts.specific_count(), counts.causal_count()}) {
      EXPECT_LE(passed, counts.described_count());
      EXPECT_LE(counts.verified_count(), passed);
    }
  }
  for (int i = 1; i < report.tests_size(); ++i) EXPECT_TRUE(report.tests(i).has_paper()) << i;

  EXPECT_EQ(static_cast<int>(sizes.size()), report.group_count());
  int verified_groups = 0;
  for (const auto& found : concepts) {
    EXPECT_EQ(found.group().size(), sizes[found.group().lead_latent()]) << found.latent();
    verified_groups += found.tests().verified() && found.group().lead_latent() == found.latent();
  }
  EXPECT_EQ(verified_groups, report.verified_group_count());
}

TEST_F(ConceptJobsTest, AReportSaysWhyNothingWasTested) {
  v1::BuildConceptsRequest request = BuildRequest();
  request.set_capture(stack_.RecordFew("few", 80));
  const v1::ConceptReport report = BuildAndWait(request);
  EXPECT_EQ(report.row_count(), 80);
  EXPECT_GE(report.concept_count(), Stack::kGenres);
  EXPECT_THAT(report.untested(), HasSubstr("too few rows"));
  EXPECT_EQ(report.tests_size(), 0);
  EXPECT_EQ(report.verified_group_count(), 0);
  EXPECT_EQ(report.group_count(), report.concept_count());
  for (const auto& found : Concepts()) {
    EXPECT_FALSE(found.has_tests());
    EXPECT_EQ(found.group().lead_latent(), found.latent());
    EXPECT_EQ(found.group().size(), 1);
    EXPECT_EQ(found.description(), found.paper_score().description());
  }
}

class NamelessUsersTest : public ConceptJobsTest {
 protected:
  NamelessUsersTest() : ConceptJobsTest(/*users_have_names=*/false) {}
};

// As if each row's user were one of its own; as one single user they would all describe, or all
// measure.
TEST_F(NamelessUsersTest, RowsWithoutAUserCountAsUsersOfTheirOwn) {
  for (const uint64_t seed : {0, 1, 2}) {
    v1::BuildConceptsRequest request = BuildRequest();
    request.set_seed(seed);
    const v1::ConceptReport report = BuildAndWait(request);
    EXPECT_EQ(report.row_count(), Stack::kUsers);
    EXPECT_EQ(report.row_without_user_count(), Stack::kUsers);
    ASSERT_EQ(report.untested(), "") << seed;
    EXPECT_GE(report.tests(0).described_count(), Stack::kGenres) << seed;
    for (int genre = 0; genre < Stack::kGenres; ++genre) {
      const concept_store::v1::Concept found = Concepts()[genre];
      EXPECT_EQ(found.latent(), genre);
      EXPECT_GE(found.tests().predictive().user_count(), 20) << seed;
      EXPECT_GE(found.tests().predictive().correlation(), 0.7) << seed;
    }
  }
}

TEST_F(ConceptJobsTest, AJobTellsTheDefaultsThatItGoesBy) {
  jobs::v1::Job job;
  ASSERT_TRUE(Build(BuildRequest(), &job).ok());
  v1::BuildConceptsRequest resolved;
  ASSERT_TRUE(job.resolved_spec().UnpackTo(&resolved));
  EXPECT_EQ(resolved.paper_case_count(), 5);
  EXPECT_EQ(resolved.sae(), Stack::kSae);
}

// The concept-store remembers requests for a week: a job of a new folder, or of another replica,
// must not be taken for the first one's repetition.
TEST_F(ConceptJobsTest, AnExplainerThatLostItsJobsStoresConceptsAgain) {
  BuildAndWait(BuildRequest());
  for (const concept_store::v1::Concept& stored : Concepts()) {
    grpc::ClientContext context;
    concept_store::v1::DeleteConceptRequest request;
    google::protobuf::Empty response;
    request.set_name(stored.name());
    ASSERT_TRUE(stack_.concept_store->DeleteConcept(&context, request, &response).ok());
  }
  ASSERT_TRUE(Concepts().empty());
  stack_.explainer_server->Stop();
  stack_.explainer_server->LoseJobs();
  stack_.explainer_server->Start();
  const v1::ConceptReport report = BuildAndWait(BuildRequest());
  EXPECT_GT(report.concept_count(), 0);
  EXPECT_EQ(static_cast<int>(Concepts().size()), report.concept_count());
}

TEST_F(ConceptJobsTest, SameSeedSameConceptsAndPersonsKeepTheirWords) {
  BuildAndWait(BuildRequest());
  const auto first = Concepts();
  Describe(0, "My own words");
  BuildAndWait(BuildRequest());
  const auto second = Concepts();
  ASSERT_EQ(first.size(), second.size());
  EXPECT_EQ(second[0].description(), "My own words");
  for (size_t i = 1; i < first.size(); ++i) {
    EXPECT_EQ(first[i].description(), second[i].description());
    EXPECT_EQ(first[i].tests().SerializeAsString(), second[i].tests().SerializeAsString());
    EXPECT_EQ(first[i].group().SerializeAsString(), second[i].group().SerializeAsString());
  }
  // What is measured is of the description that was built, whoever wrote the words.
  EXPECT_EQ(first[0].tests().SerializeAsString(), second[0].tests().SerializeAsString());
}

TEST_F(ConceptJobsTest, ConceptsOfLatentsThatHaveNoneNowAreRemoved) {
  const v1::ConceptReport report = BuildAndWait(BuildRequest());
  ASSERT_LT(report.concept_count(), Stack::kLatents + 1);
  // Something an earlier build left behind, and something a person wrote.
  const auto concepts = Concepts();
  std::set<int> described;
  for (const auto& found : concepts) described.insert(found.latent());
  std::vector<int> free;
  for (int latent = 0; latent < Stack::kLatents; ++latent) {
    if (!described.contains(latent)) free.push_back(latent);
  }
  if (free.size() < 2) GTEST_SKIP() << "every latent got a concept";
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    concept_store::v1::CreateConceptRequest request;
    concept_store::v1::Concept stored;
    request.set_parent(Stack::kSae);
    request.mutable_latent_concept()->set_latent(free[i]);
    request.mutable_latent_concept()->set_description("left over");
    request.mutable_latent_concept()->set_source(
        i == 0 ? concept_store::v1::Concept::SOURCE_STATISTICAL_LABELER
               : concept_store::v1::Concept::SOURCE_PERSON);
    const grpc::Status status = stack_.concept_store->CreateConcept(&context, request, &stored);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  BuildAndWait(BuildRequest());
  described.insert(free[1]);
  std::set<int> now;
  for (const auto& found : Concepts()) now.insert(found.latent());
  EXPECT_EQ(now, described);
}

TEST_F(ConceptJobsTest, ARepeatedRequestIsTheSameJob) {
  v1::BuildConceptsRequest request = BuildRequest();
  request.set_request_id("once");
  jobs::v1::Job first;
  ASSERT_TRUE(Build(request, &first).ok());
  stack_.Finish(first);
  jobs::v1::Job second;
  ASSERT_TRUE(Build(request, &second).ok());
  EXPECT_EQ(first.name(), second.name());
}

TEST_F(ConceptJobsTest, TheFeedOfConceptsGoesOnAfterTheStoreWasAway) {
  BuildAndWait(BuildRequest());
  Describe(0, "first words");
  EXPECT_TRUE(ComesToSay("first words"));
  stack_.concept_store_server->Stop();
  EXPECT_EQ(StrongestLatent(0).description(), "first words");  // while it is away
  stack_.concept_store_server->Start();
  stack_.concept_store =
      concept_store::v1::ConceptStore::NewStub(NewChannel(stack_.concept_store_server->address()));
  Describe(0, "second words");
  EXPECT_TRUE(ComesToSay("second words"));
}

TEST_F(ConceptJobsTest, AStoppedExplainerTakesItsJobUpAgain) {
  jobs::v1::Job job;
  ASSERT_TRUE(Build(BuildRequest(), &job).ok());
  stack_.explainer_server->Stop();
  stack_.explainer_server->Start();
  job = stack_.Finish(job);
  EXPECT_EQ(job.state(), Job::STATE_SUCCEEDED) << job.ShortDebugString();
  for (const auto& found : Concepts()) {
    // Stored once: one revision each, however often the job was taken up.
    grpc::ClientContext context;
    concept_store::v1::ListConceptRevisionsRequest request;
    concept_store::v1::ListConceptRevisionsResponse response;
    request.set_name(found.name());
    ASSERT_TRUE(stack_.concept_store->ListConceptRevisions(&context, request, &response).ok());
    EXPECT_EQ(response.changes_size(), 1);
  }
}

TEST_F(ConceptJobsTest, AJobThatWaitsForAPeerCanBeCancelled) {
  BuildAndWait(BuildRequest());  // the SAE is cached, so that the next job gets to the probe
  jobs::v1::Job job;
  ASSERT_TRUE(Build(BuildRequest(), &job).ok());
  stack_.probe_server->Stop();
  ASSERT_TRUE(stack_.explainer_server->jobs().Cancel(job.name()).ok());
  job = stack_.Finish(job);
  const Job::State state = job.state();
  // It may have been done before the probe stopped.
  EXPECT_TRUE(state == Job::STATE_CANCELLED || state == Job::STATE_SUCCEEDED)
      << job.ShortDebugString();
}

TEST_F(ConceptJobsTest, EvaluationMatchesPlainComputation) {
  BuildAndWait(BuildRequest());
  const v1::Evaluation evaluation = EvaluateAndWait(EvaluationRequest());

  double hits = 0;
  double gain = 0;
  for (int user = 0; user < Stack::kUsers; ++user) {
    const probe::v1::Case& captured = stack_.CaseOf(user);
    const int target = std::stoi(captured.target_item_id().substr(4));
    std::vector<int32_t> masked;
    for (const auto* ids : {&captured.history_item_ids(), &captured.excluded_item_ids()}) {
      for (const std::string& id : *ids) {
        if (id != captured.target_item_id()) masked.push_back(std::stoi(id.substr(4)));
      }
    }
    const auto order = RankedItems(stack_.head(), stack_.Activation(user), masked);
    const auto rank = std::find(order.begin(), order.end(), target) - order.begin() + 1;
    if (rank > 10) continue;
    hits += 1;
    gain += 1 / std::log2(rank + 1.0);
  }
  EXPECT_EQ(evaluation.row_count(), Stack::kUsers);
  EXPECT_NEAR(evaluation.recommender().hr_at_10(), hits / Stack::kUsers, 1e-9);
  EXPECT_NEAR(evaluation.recommender().ndcg_at_10(), gain / Stack::kUsers, 1e-9);
  EXPECT_GT(evaluation.reconstructed().hr_at_10(), 0);
  EXPECT_GT(evaluation.rbo(), 0);
  EXPECT_LT(evaluation.rbo(), 1);
  EXPECT_GT(evaluation.fvu(), 0);
  EXPECT_LT(evaluation.fvu(), 1);
  EXPECT_GT(evaluation.l0(), 1);
  EXPECT_LE(evaluation.l0(), Stack::kActive);
  EXPECT_GE(evaluation.similarity().concept_count(), Stack::kGenres);
  EXPECT_GT(evaluation.similarity().intra(), evaluation.similarity().inter());
  EXPECT_EQ(evaluation.latent_use().row_count(), Stack::kUsers);
  EXPECT_EQ(evaluation.latent_use().latent_count(), Stack::kLatents);
  // A quarter of the users likes each genre.
  EXPECT_GE(evaluation.latent_use().dense_count(), Stack::kGenres);
  EXPECT_LT(evaluation.latent_use().over_half_count(), 2 * Stack::kActive);
  EXPECT_LE(evaluation.latent_use().dead_count(), Stack::kLatents - Stack::kGenres);
  ASSERT_EQ(evaluation.attributes_size(), Stack::kGenres);
  for (const v1::AttributeScore& score : evaluation.attributes()) {
    EXPECT_EQ(score.key(), "genre");
    EXPECT_EQ(score.value(), Stack::Genre(score.latent()));
    EXPECT_GE(score.latent_auc(), 0.95);
    EXPECT_EQ(score.dimension(), score.latent());  // the axes are the genres here
  }
}

TEST_F(ConceptJobsTest, EvaluationTellsHowMuchIsInOtherTrainings) {
  EXPECT_EQ(EvaluateAndWait(EvaluationRequest()).stability_size(), 0);
  // The latents of the genres are the same in both, the others are random directions.
  stack_.PublishOther("other-seed", Stack::kCapture, Stack::kDim);
  stack_.PublishOther("third-seed", "recommenders/outside/captures/dev", Stack::kDim);
  v1::EvaluateSaeRequest request = EvaluationRequest();
  request.add_reference_saes("saes/third-seed");
  request.add_reference_saes("saes/other-seed");
  const v1::Evaluation evaluation = EvaluateAndWait(request);
  ASSERT_EQ(evaluation.stability_size(), 2);
  EXPECT_EQ(evaluation.stability(0).sae(), "saes/third-seed");
  EXPECT_EQ(evaluation.stability(1).sae(), "saes/other-seed");
  for (const v1::Stability& stability : evaluation.stability()) {
    EXPECT_EQ(stability.pair_count(), Stack::kLatents);
    EXPECT_GE(stability.above_7_share(), double{Stack::kGenres} / Stack::kLatents);
    EXPECT_LT(stability.above_7_share(), 1);
    EXPECT_GT(stability.mean_cosine(), double{Stack::kGenres} / Stack::kLatents);
    EXPECT_LT(stability.mean_cosine(), 1);
  }
}

TEST_F(ConceptJobsTest, ReferencesThatCannotBeMatchedAreRefused) {
  stack_.PublishOther("elsewhere", "recommenders/else/captures/test", Stack::kDim);
  stack_.PublishOther("wider", Stack::kCapture, Stack::kDim + 1);
  struct BadCase {
    absl::StatusCode code;
    std::string reason;
    std::string said;
    std::vector<std::string> references;
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const std::vector<BadCase> cases = {
      {kInvalid, "RECOMMENDER_MISMATCH", "recommenders/else", {"saes/elsewhere"}},
      {kInvalid, "DIMENSION_MISMATCH", "of 9 values", {"saes/wider"}},
      {absl::StatusCode::kNotFound, "SAE_NOT_FOUND", "saes/none", {"saes/none"}},
      {kInvalid, "RESOURCE_NAME_INVALID", "reference_saes[0]", {"planted"}},
      {kInvalid, "INVALID_REQUEST", "the SAE itself", {Stack::kSae}},
      {kInvalid, "INVALID_REQUEST", "a second time", {"saes/a", "saes/b", "saes/a"}},
      {kInvalid,
       "INVALID_REQUEST",
       "must be 0 to 4, is 5",
       {"saes/a", "saes/b", "saes/c", "saes/d", "saes/e"}},
  };
  for (const BadCase& bad : cases) {
    SCOPED_TRACE(bad.said);
    v1::EvaluateSaeRequest request = EvaluationRequest();
    for (const std::string& name : bad.references) request.add_reference_saes(name);
    jobs::v1::Job job;
    const absl::Status status = Evaluate(request, &job);
    EXPECT_EQ(status.code(), bad.code) << status;
    EXPECT_EQ(Reason(status), bad.reason) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.said));
  }
}

TEST_F(ConceptJobsTest, BadRequestsStartNoJob) {
  using Code = absl::StatusCode;
  struct BadCase {
    Code code;
    std::string reason;
    std::function<void(v1::BuildConceptsRequest&)> change;
  };
  const std::vector<BadCase> cases = {
      {Code::kInvalidArgument, "RESOURCE_NAME_INVALID", [](auto& r) { r.set_sae("planted"); }},
      {Code::kInvalidArgument, "RESOURCE_NAME_INVALID", [](auto& r) { r.set_capture("test"); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", [](auto& r) { r.set_paper_case_count(-1); }},
      {Code::kInvalidArgument, "INVALID_REQUEST", [](auto& r) { r.set_paper_case_count(51); }},
      {Code::kNotFound, "SAE_NOT_FOUND", [](auto& r) { r.set_sae("saes/none"); }},
      {Code::kNotFound, "CAPTURE_NOT_FOUND",
       [](auto& r) { r.add_evidence_captures("recommenders/outside/captures/none"); }},
      {Code::kInvalidArgument, "RECOMMENDER_MISMATCH",
       [](auto& r) { r.set_capture("recommenders/else/captures/test"); }},
  };
  for (const BadCase& bad : cases) {
    SCOPED_TRACE(bad.reason);
    v1::BuildConceptsRequest request = BuildRequest();
    bad.change(request);
    jobs::v1::Job job;
    const absl::Status status = Build(request, &job);
    EXPECT_EQ(status.code(), bad.code) << status;
    EXPECT_EQ(Reason(status), bad.reason) << status;
  }
}

TEST_F(ConceptJobsTest, CapturesThatCannotServeAreRefused) {
  for (const bool has_cases : {true, false}) {
    grpc::ClientContext context;
    probe::v1::CreateCaptureRequest create;
    probe::v1::Capture capture;
    create.set_parent(Stack::kRecommender);
    create.set_capture_id(has_cases ? "empty" : "bare");
    create.set_has_cases(has_cases);
    ASSERT_TRUE(stack_.probe->CreateCapture(&context, create, &capture).ok());
    v1::BuildConceptsRequest request = BuildRequest();
    request.set_capture(capture.name());
    jobs::v1::Job job;
    const absl::Status status = Build(request, &job);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(Reason(status), has_cases ? "CAPTURE_EMPTY" : "CAPTURE_WITHOUT_CASES");
  }
}

}  // namespace
}  // namespace recsae::explainer
