// What the explainer keeps of concepts.
#include "services/explainer/caches/concept_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "common/client/peer.h"
#include "common/messages/tensor.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "tests/contract/concept-store/store_server.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::explainer {
namespace {

using concept_store::SampleConcept;
using concept_store::v1::Concept;
using ::testing::ElementsAre;

TEST(CachedConcept, KeepsWhatExplanationsShow) {
  Concept latent_concept = SampleConcept(3, "horror", {"horror"}, 0.75);
  latent_concept.mutable_tests()->set_verified(true);
  latent_concept.mutable_statistics()->set_standard_deviation(0.5);
  latent_concept.mutable_group()->set_lead_latent(0);
  const CachedConcept cached = CachedConcept::From(latent_concept);
  EXPECT_EQ(cached.description, "horror");
  EXPECT_EQ(cached.correlation, 0.75);
  EXPECT_TRUE(cached.verified);
  EXPECT_EQ(cached.group, 0);
  EXPECT_EQ(cached.statistics.standard_deviation, 0.5);
  EXPECT_EQ(cached.statistics.level_thresholds.size(), 9U);
}

TEST(CachedConcept, AConceptOfAnEarlierVersionStandsAlone) {
  Concept latent_concept = SampleConcept(3, "horror");
  latent_concept.clear_tests();
  latent_concept.clear_group();
  const CachedConcept cached = CachedConcept::From(latent_concept);
  EXPECT_EQ(cached.correlation, 0);
  EXPECT_FALSE(cached.verified);
  EXPECT_EQ(cached.group, 3);
  EXPECT_EQ(cached.latent, 3);
}

// A store that is followed.
class FollowedStore : public testing::Test {
 protected:
  FollowedStore()
      : server_(concept_store::FreshDirectory(), concept_store::Transport::kInProcess),
        peer_(std::make_shared<Peer>("concept-store")) {
    peer_->SetChannel(server_.server().InProcessChannel({}));
    EXPECT_TRUE(Publish(server_, concept_store::SampleHeader("a"),
                        concept_store::SampleWeights(concept_store::SampleSae(), 16))
                    .ok());
  }

  // The revision of the write.
  int64_t SetBaseline(const std::vector<float>& values) {
    concept_store::v1::SetBaselineRequest request;
    request.mutable_baseline()->set_sae("saes/a");
    request.mutable_baseline()->set_row_count(9);
    WriteVector(values, request.mutable_baseline()->mutable_activation());
    WriteVector({0, 1, 0, 1}, request.mutable_baseline()->mutable_reconstruction());
    for (const bool of_value : {false, true}) {
      concept_store::v1::Erasure* erasure = request.mutable_baseline()->add_erasures();
      erasure->set_latent(2);
      if (of_value) erasure->mutable_attribute()->set_value("Horror");
      WriteMatrix({values.data(), 1, 4}, erasure->mutable_covariances());
      WriteMatrix({values.data(), 1, 4}, erasure->mutable_readers());
    }
    const auto set = Call(server_, &concept_store::Stub::SetBaseline, request);
    EXPECT_TRUE(set.ok()) << set.status();
    return set->revision();
  }

  std::unique_ptr<ConceptCache> Follow() {
    auto cache = std::make_unique<ConceptCache>(peers_, metrics_);
    cache->Start();
    EXPECT_TRUE(cache->WaitUntilFilled(caller_).ok());
    return cache;
  }

  concept_store::StoreServer server_;
  MetricsRegistry metrics_;
  std::shared_ptr<Peer> peer_;
  Peers peers_{std::make_shared<Peer>("probe"), peer_};
  Caller caller_{absl::InfiniteDuration(), {}};
};

TEST_F(FollowedStore, AGroupIsAllThatItsLeadLeads) {
  auto cache = Follow();
  const auto put = [&](int latent, int lead) {
    concept_store::v1::BatchUpsertConceptsRequest request;
    request.set_parent("saes/a");
    Concept& stored = *request.add_concepts() = SampleConcept(latent, "horror");
    stored.mutable_group()->set_lead_latent(lead);
    stored.mutable_statistics()->set_row_count(10);
    stored.mutable_statistics()->set_active_row_count(4);
    stored.mutable_statistics()->set_mean(2.5);
    const auto written = Call(server_, &concept_store::Stub::BatchUpsertConcepts, request);
    ASSERT_TRUE(written.ok()) << written.status();
    cache->WaitForRevision(written->concepts(0).revision(), caller_);
  };
  const auto latents = [&](int lead) {
    std::vector<int32_t> members;
    for (const auto& member : cache->Group("saes/a", lead)) members.push_back(member->latent);
    return members;
  };
  EXPECT_THAT(latents(2), ElementsAre());
  put(2, 2);
  put(0, 2);
  EXPECT_THAT(latents(2), ElementsAre(0, 2));
  EXPECT_DOUBLE_EQ(cache->Lookup("saes/a", 0)->mean, 1);  // over all rows, firing or not
  // One that joins another group leaves its own.
  put(0, 0);
  EXPECT_THAT(latents(2), ElementsAre(2));
  EXPECT_THAT(latents(0), ElementsAre(0));

  concept_store::v1::DeleteConceptRequest remove;
  remove.set_name("saes/a/concepts/2");
  ASSERT_TRUE(Call(server_, &concept_store::Stub::DeleteConcept, remove).ok());
  cache->WaitForRevision(server_.store().revision(), caller_);
  EXPECT_THAT(latents(2), ElementsAre());
}

TEST_F(FollowedStore, TheBaselineIsKeptAndGoesWithItsSae) {
  auto cache = Follow();
  EXPECT_EQ(cache->Baseline("saes/a"), nullptr);
  EXPECT_TRUE(cache->Erasures("saes/a")->groups.empty());
  SetBaseline({1, 2, 3, 4});
  cache->WaitForRevision(SetBaseline({4, 3, 2, 1}), caller_);
  ASSERT_NE(cache->Baseline("saes/a"), nullptr);
  EXPECT_THAT(cache->Baseline("saes/a")->activation, ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(cache->Baseline("saes/a")->reconstruction, ElementsAre(0, 1, 0, 1));
  ASSERT_EQ(cache->Erasures("saes/a")->groups.count(2), 1U);
  EXPECT_THAT(cache->Erasures("saes/a")->groups.at(2).readers, ElementsAre(4, 3, 2, 1));
  ASSERT_EQ(cache->Erasures("saes/a")->attributes.size(), 1U);
  EXPECT_EQ(cache->Erasures("saes/a")->attributes[0].value, "Horror");
  // In the snapshot, too.
  const auto late = Follow();
  ASSERT_NE(late->Baseline("saes/a"), nullptr);
  EXPECT_THAT(late->Baseline("saes/a")->activation, ElementsAre(4, 3, 2, 1));

  concept_store::v1::DeleteSaeRequest remove;
  remove.set_name("saes/a");
  ASSERT_TRUE(Call(server_, &concept_store::Stub::DeleteSae, remove).ok());
  cache->WaitForRevision(server_.store().revision(), caller_);
  EXPECT_EQ(cache->Baseline("saes/a"), nullptr);
  EXPECT_TRUE(cache->Erasures("saes/a")->groups.empty());
}

}  // namespace
}  // namespace recsae::explainer
