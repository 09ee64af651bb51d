// What the explainer keeps of concepts.
#include "services/explainer/caches/concept_cache.h"

#include <gtest/gtest.h>

#include "recsae/concept_store/v1/concept_store.pb.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::explainer {
namespace {

using concept_store::SampleConcept;
using concept_store::v1::Concept;

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
}

}  // namespace
}  // namespace recsae::explainer
