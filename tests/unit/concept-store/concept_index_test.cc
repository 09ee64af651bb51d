#include "services/concept-store/search/concept_index.h"

#include <gtest/gtest.h>

#include <cmath>

#include "recsae/concept_store/v1/concept_store.pb.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

TEST(Summarize, TakesWhatListsAndSearchGoBy) {
  v1::Concept latent_concept = SampleConcept(3, "horror, 1980s", {"horror", "1980s"}, 0.75);
  latent_concept.mutable_paper_score()->set_confidence(0.5);
  latent_concept.mutable_tests()->set_verified(true);
  latent_concept.mutable_tests()->mutable_predictive()->set_correlation_low(0.625);
  const ConceptSummary summary = Summarize(latent_concept);
  EXPECT_EQ(summary.latent, 3);
  EXPECT_EQ(summary.entry.correlation, 0.75);
  EXPECT_EQ(summary.entry.paper_confidence, 0.5);
  EXPECT_TRUE(summary.entry.verified);
  EXPECT_TRUE(summary.entry.leads);
  EXPECT_EQ(summary.entry.active_rows, 13);
  EXPECT_EQ(summary.document.description, "horror, 1980s");
  EXPECT_EQ(summary.document.correlation, 0.75);
  EXPECT_DOUBLE_EQ(summary.document.weight, 1.125 * std::log2(15));
}

TEST(Summarize, KnowsWhoLeadsAGroup) {
  v1::Concept latent_concept = SampleConcept(3, "horror");
  latent_concept.mutable_group()->set_lead_latent(7);
  EXPECT_FALSE(Summarize(latent_concept).entry.leads);
  // Latent 0 too can lead others; without a group a latent leads itself.
  latent_concept.mutable_group()->set_lead_latent(0);
  EXPECT_FALSE(Summarize(latent_concept).entry.leads);
  latent_concept.clear_group();
  EXPECT_TRUE(Summarize(latent_concept).entry.leads);
}

TEST(Summarize, WhatWasNotTestedIsTrustedLeast) {
  v1::Concept untested = SampleConcept(3, "horror");
  untested.clear_tests();
  v1::Concept against = untested;
  against.mutable_tests()->mutable_predictive()->set_correlation(-0.5);
  against.mutable_tests()->mutable_predictive()->set_correlation_low(-0.75);
  v1::Concept tested = untested;
  tested.mutable_tests()->mutable_predictive()->set_correlation_low(0.25);
  EXPECT_FALSE(Summarize(untested).entry.verified);
  EXPECT_EQ(Summarize(untested).entry.correlation, 0);
  EXPECT_EQ(Summarize(untested).document.weight, Summarize(against).document.weight);
  EXPECT_GT(Summarize(untested).document.weight, 0);
  EXPECT_GT(Summarize(tested).document.weight, Summarize(untested).document.weight);
}

}  // namespace
}  // namespace recsae::concept_store
