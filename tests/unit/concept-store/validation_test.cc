#include "services/concept-store/store/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

using ::testing::HasSubstr;

absl::Status Check(const v1::Concept& latent_concept) {
  BadRequest bad;
  CheckConcept(latent_concept, "latent_concept", &bad);
  return bad.ToStatus();
}

absl::Status Check(const v1::Sae& sae) {
  BadRequest bad;
  CheckSae(sae, "sae", &bad);
  return bad.ToStatus();
}

TEST(CheckConcept, AcceptsWhatIsAtItsLimits) {
  v1::Concept latent_concept = SampleConcept(3, std::string(kMaxDescriptionBytes, 'x'));
  latent_concept.clear_terms();
  for (int i = 0; i < kMaxTerms; ++i) latent_concept.add_terms()->set_text("t");
  const v1::Evidence evidence = latent_concept.evidence(0);
  for (int i = 1; i < kMaxEvidence; ++i) *latent_concept.add_evidence() = evidence;
  v1::StableTest* stable = latent_concept.mutable_tests()->mutable_stable();
  const v1::StableTest::Match match = stable->matches(0);
  for (int i = 1; i < kMaxMatches; ++i) *stable->add_matches() = match;
  latent_concept.mutable_group()->set_lead_latent(kMaxLatents - 1);
  latent_concept.mutable_group()->set_size(kMaxLatents);
  EXPECT_TRUE(Check(latent_concept).ok()) << Check(latent_concept);
  EXPECT_TRUE(Check(v1::Concept()).ok());
}

struct BadConcept {
  const char* field;
  std::function<void(v1::Concept*)> spoil;
};

TEST(CheckConcept, NamesEveryFault) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<BadConcept> cases = {
      {".description", [](v1::Concept* c) { c->set_description(std::string(1001, 'x')); }},
      {".description", [](v1::Concept* c) { c->set_description("\xC3("); }},
      {".terms",
       [](v1::Concept* c) {
         for (int i = 0; i < 64; ++i) *c->add_terms() = c->terms(0);
       }},
      {".terms[0].text", [](v1::Concept* c) { c->mutable_terms(0)->set_text(""); }},
      {".terms[0].text", [](v1::Concept* c) { c->mutable_terms(0)->set_text("\xFF"); }},
      {".terms[0].weight", [=](v1::Concept* c) { c->mutable_terms(0)->set_weight(infinity); }},
      {".evidence",
       [](v1::Concept* c) {
         for (int i = 0; i < 10; ++i) *c->add_evidence() = c->evidence(0);
       }},
      {".evidence[0].level", [](v1::Concept* c) { c->mutable_evidence(0)->set_level(11); }},
      {".evidence[0].capture", [](v1::Concept* c) { c->mutable_evidence(0)->set_capture("x"); }},
      {".evidence[0].activation",
       [=](v1::Concept* c) { c->mutable_evidence(0)->set_activation(nan); }},
      {".paper_score.confidence",
       [=](v1::Concept* c) { c->mutable_paper_score()->set_confidence(nan); }},
      {".paper_score.description",
       [](v1::Concept* c) { c->mutable_paper_score()->set_description(std::string(1001, 'x')); }},
      {".paper_score.recall", [](v1::Concept* c) { c->mutable_paper_score()->set_recall(1.01); }},
      {".statistics.mean", [=](v1::Concept* c) { c->mutable_statistics()->set_mean(nan); }},
      {".statistics.active_row_count",
       [](v1::Concept* c) { c->mutable_statistics()->set_active_row_count(1001); }},
      {".statistics.level_thresholds",
       [](v1::Concept* c) { c->mutable_statistics()->add_level_thresholds(10); }},
      {".statistics.level_thresholds",
       [](v1::Concept* c) { c->mutable_statistics()->set_level_thresholds(0, 5); }},
      {".source", [](v1::Concept* c) { c->set_source(static_cast<v1::Concept::Source>(77)); }},
      {"latent_concept:",
       [](v1::Concept* c) {
         c->mutable_evidence(0)->set_recommended_item_id(std::string(kMaxRecordBytes, 'x'));
       }},
  };
  for (const BadConcept& bad : cases) {
    v1::Concept latent_concept = SampleConcept(3, "fine");
    ASSERT_TRUE(Check(latent_concept).ok());
    bad.spoil(&latent_concept);
    const absl::Status status = Check(latent_concept);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.field));
  }
}

// Of every number of the tests: what is no number, and what lies outside.
TEST(CheckConcept, NamesEveryNumberOfTheTests) {
  struct Field {
    const char* path;
    double below, above;
    std::function<void(v1::Concept*, double)> set;
  };
  const auto predictive = [](v1::Concept* c) { return c->mutable_tests()->mutable_predictive(); };
  const auto specific = [](v1::Concept* c) { return c->mutable_tests()->mutable_specific(); };
  const auto causal = [](v1::Concept* c) { return c->mutable_tests()->mutable_causal(); };
  const auto match = [](v1::Concept* c) {
    return c->mutable_tests()->mutable_stable()->mutable_matches(0);
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Field> fields = {
      {"predictive.correlation", -1.01, 1.01,
       [=](auto* c, double v) { predictive(c)->set_correlation(v); }},
      {"predictive.correlation_low", -1.01, 1.01,
       [=](auto* c, double v) { predictive(c)->set_correlation_low(v); }},
      {"predictive.correlation_high", -1.01, 1.01,
       [=](auto* c, double v) { predictive(c)->set_correlation_high(v); }},
      {"predictive.null_correlation", -1.01, 1.01,
       [=](auto* c, double v) { predictive(c)->set_null_correlation(v); }},
      {"predictive.average_precision", -0.01, 1.01,
       [=](auto* c, double v) { predictive(c)->set_average_precision(v); }},
      {"predictive.prevalence", -0.01, 1.01,
       [=](auto* c, double v) { predictive(c)->set_prevalence(v); }},
      {"predictive.p_value", -0.01, 1.01,
       [=](auto* c, double v) { predictive(c)->set_p_value(v); }},
      {"predictive.q_value", -0.01, 1.01,
       [=](auto* c, double v) { predictive(c)->set_q_value(v); }},
      {"specific.correlation", -1.01, 1.01,
       [=](auto* c, double v) { specific(c)->set_correlation(v); }},
      {"specific.nearest_correlation", -1.01, 1.01,
       [=](auto* c, double v) { specific(c)->set_nearest_correlation(v); }},
      {"specific.difference_low", -infinity, infinity,
       [=](auto* c, double v) { specific(c)->set_difference_low(v); }},
      {"causal.share", -0.01, 1.01, [=](auto* c, double v) { causal(c)->set_share(v); }},
      {"causal.raised_share", -0.01, 1.01,
       [=](auto* c, double v) { causal(c)->set_raised_share(v); }},
      {"causal.control_share", -0.01, 1.01,
       [=](auto* c, double v) { causal(c)->set_control_share(v); }},
      {"causal.effect_low", -infinity, infinity,
       [=](auto* c, double v) { causal(c)->set_effect_low(v); }},
      {"causal.removed_share", -0.01, 1.01,
       [=](auto* c, double v) { causal(c)->set_removed_share(v); }},
      {"causal.firing_share", -0.01, 1.01,
       [=](auto* c, double v) { causal(c)->set_firing_share(v); }},
      {"causal.removed_control_share", -0.01, 1.01,
       [=](auto* c, double v) { causal(c)->set_removed_control_share(v); }},
      {"causal.removal_low", -infinity, infinity,
       [=](auto* c, double v) { causal(c)->set_removal_low(v); }},
      {"causal.pair_share", -0.01, 1.01, [=](auto* c, double v) { causal(c)->set_pair_share(v); }},
      {"stable.matches[0].cosine", -1.01, 1.01,
       [=](auto* c, double v) { match(c)->set_cosine(v); }},
  };
  for (const Field& field : fields) {
    for (const double bad : {field.below, field.above, std::numeric_limits<double>::quiet_NaN()}) {
      v1::Concept latent_concept = SampleConcept(3, "fine");
      field.set(&latent_concept, bad);
      EXPECT_THAT(std::string(Check(latent_concept).message()),
                  HasSubstr(absl::StrCat("latent_concept.tests.", field.path, ":")))
          << bad;
    }
  }
}

TEST(CheckConcept, NamesWhatElseIsWrongWithTestsAndGroups) {
  const auto match = [](v1::Concept* c) {
    return c->mutable_tests()->mutable_stable()->mutable_matches(0);
  };
  const std::vector<BadConcept> cases = {
      {".tests.predictive.user_count",
       [](v1::Concept* c) { c->mutable_tests()->mutable_predictive()->set_user_count(-1); }},
      {".tests.predictive.row_count",
       [](v1::Concept* c) { c->mutable_tests()->mutable_predictive()->set_row_count(-1); }},
      {".tests.specific.neighbour_count",
       [](v1::Concept* c) { c->mutable_tests()->mutable_specific()->set_neighbour_count(-1); }},
      {".tests.causal.user_count",
       [](v1::Concept* c) { c->mutable_tests()->mutable_causal()->set_user_count(-1); }},
      {".tests.causal.pair_count",
       [](v1::Concept* c) { c->mutable_tests()->mutable_causal()->set_pair_count(-1); }},
      {".tests.stable.matches",
       [=](v1::Concept* c) {
         for (int i = 0; i < kMaxMatches; ++i) {
           *c->mutable_tests()->mutable_stable()->add_matches() = *match(c);
         }
       }},
      {".tests.stable.matches[0].sae", [=](v1::Concept* c) { match(c)->set_sae("\xFF"); }},
      {".group.lead_latent", [](v1::Concept* c) { c->mutable_group()->set_lead_latent(-1); }},
      {".group.lead_latent",
       [](v1::Concept* c) { c->mutable_group()->set_lead_latent(kMaxLatents); }},
      {".group.size", [](v1::Concept* c) { c->mutable_group()->set_size(0); }},
      {".group.size", [](v1::Concept* c) { c->mutable_group()->set_size(kMaxLatents + 1); }},
  };
  for (const BadConcept& bad : cases) {
    v1::Concept latent_concept = SampleConcept(3, "fine");
    bad.spoil(&latent_concept);
    EXPECT_THAT(std::string(Check(latent_concept).message()),
                HasSubstr(absl::StrCat("latent_concept", bad.field, ":")));
  }
}

// A correlation of one, computed, may be a little more.
TEST(CheckConcept, LeavesRoomForRounding) {
  v1::Concept latent_concept = SampleConcept(3, "fine");
  latent_concept.mutable_tests()->mutable_predictive()->set_correlation(1 + 1e-6);
  latent_concept.mutable_tests()->mutable_predictive()->set_correlation_low(-1 - 1e-6);
  EXPECT_TRUE(Check(latent_concept).ok()) << Check(latent_concept);
  // As concepts of earlier versions, and of catalogues without sets of items.
  latent_concept.clear_tests();
  latent_concept.clear_group();
  EXPECT_TRUE(Check(latent_concept).ok()) << Check(latent_concept);
  // Tests that were not made are absent.
  latent_concept.mutable_tests()->mutable_predictive()->set_correlation(0.5);
  EXPECT_TRUE(Check(latent_concept).ok()) << Check(latent_concept);
}

TEST(CheckConcept, ListsAllFaultsAtOnce) {
  v1::Concept latent_concept = SampleConcept(3, std::string(1001, 'x'));
  latent_concept.mutable_paper_score()->set_confidence(2);
  latent_concept.mutable_evidence(0)->set_row(-1);
  const std::string message(Check(latent_concept).message());
  EXPECT_THAT(message, HasSubstr("description"));
  EXPECT_THAT(message, HasSubstr("paper_score.confidence"));
  EXPECT_THAT(message, HasSubstr("evidence[0].row"));
}

TEST(CheckSae, NamesEveryFault) {
  ASSERT_TRUE(Check(SampleSae()).ok()) << Check(SampleSae());
  const std::vector<std::pair<const char*, std::function<void(v1::Sae*)>>> cases = {
      {"sae.activation_dim", [](v1::Sae* s) { s->set_activation_dim(0); }},
      {"sae.activation_dim", [](v1::Sae* s) { s->set_activation_dim(kMaxActivationDim + 1); }},
      {"sae.latent_count", [](v1::Sae* s) { s->set_latent_count(0); }},
      {"sae.k", [](v1::Sae* s) { s->set_k(17); }},
      {"sae.k", [](v1::Sae* s) { s->set_k(0); }},
      {"sae.architecture", [](v1::Sae* s) { s->clear_architecture(); }},
      {"sae.scale", [](v1::Sae* s) { s->set_scale(0); }},
      {"sae.scale", [](v1::Sae* s) { s->set_scale(std::numeric_limits<float>::quiet_NaN()); }},
      {"sae.capture", [](v1::Sae* s) { s->set_capture("captures/x"); }},
      {"sae.report.fvu",
       [](v1::Sae* s) { s->mutable_report()->set_fvu(std::numeric_limits<double>::infinity()); }},
      {"sae.report.row_count", [](v1::Sae* s) { s->mutable_report()->set_row_count(-1); }},
      {"sae.report.distinct_row_count",
       [](v1::Sae* s) { s->mutable_report()->set_distinct_row_count(-1); }},
      {"sae.report.warnings",
       [](v1::Sae* s) {
         for (int i = 0; i < 17; ++i) s->mutable_report()->add_warnings("w");
       }},
      {"sae.report.warnings[0]", [](v1::Sae* s) { s->mutable_report()->add_warnings(""); }},
      {"sae.report.warnings[1]",
       [](v1::Sae* s) {
         s->mutable_report()->add_warnings(std::string(1000, 'w'));
         s->mutable_report()->add_warnings(std::string(1001, 'w'));
       }},
  };
  for (const auto& [field, spoil] : cases) {
    v1::Sae sae = SampleSae();
    spoil(&sae);
    EXPECT_THAT(std::string(Check(sae).message()), HasSubstr(field));
  }
}

TEST(UpdateMask, RefusesWhatCannotBeChanged) {
  for (const char* path :
       {"name", "latent", "etag", "revision", "create_time", "*", "", "paper_score.confidence",
        "extended_score", "tests.verified", "Description"}) {
    v1::UpdateConceptRequest request;
    request.mutable_update_mask()->add_paths(path);
    BadRequest bad;
    CheckUpdateMask(request, &bad);
    EXPECT_FALSE(bad.ok()) << path;
  }
  BadRequest bad;
  CheckUpdateMask(v1::UpdateConceptRequest(), &bad);
  EXPECT_FALSE(bad.ok());
}

TEST(UpdateMask, ChangesTheNamedFieldsAlone) {
  v1::UpdateConceptRequest request;
  *request.mutable_latent_concept() = SampleConcept(3, "new", {"western", "war"}, 0.9);
  request.mutable_latent_concept()->mutable_statistics()->set_active_row_count(77);
  request.mutable_update_mask()->add_paths("terms");
  request.mutable_update_mask()->add_paths("statistics");
  v1::Concept latent_concept = SampleConcept(3, "old");
  v1::Concept expected = latent_concept;
  *expected.mutable_terms() = request.latent_concept().terms();
  expected.mutable_statistics()->set_active_row_count(77);
  ApplyUpdate(request, &latent_concept);
  EXPECT_EQ(latent_concept.SerializeAsString(), expected.SerializeAsString());
}

TEST(UpdateMask, TestsAndGroupsAreReplacedAsAWhole) {
  v1::UpdateConceptRequest request;
  v1::Concept* asked = request.mutable_latent_concept();
  asked->mutable_tests()->mutable_predictive()->set_correlation(0.9);
  asked->mutable_group()->set_lead_latent(1);
  asked->mutable_group()->set_size(2);
  request.mutable_update_mask()->add_paths("tests");
  request.mutable_update_mask()->add_paths("group");
  v1::Concept latent_concept = SampleConcept(3, "old");
  ApplyUpdate(request, &latent_concept);
  EXPECT_EQ(latent_concept.tests().SerializeAsString(), asked->tests().SerializeAsString());
  EXPECT_EQ(latent_concept.group().SerializeAsString(), asked->group().SerializeAsString());
}

TEST(UpdateMask, WhatIsMeasuredAnewLeavesTheWords) {
  v1::Concept latent_concept = SampleConcept(3, "a person's words", {"horror"}, 0.5);
  const v1::Concept before = latent_concept;
  v1::Concept measured = SampleConcept(3, "new", {"war"}, 0.9);
  measured.mutable_group()->set_lead_latent(1);
  RefreshMeasurements(measured, &latent_concept);
  EXPECT_EQ(latent_concept.description(), before.description());
  EXPECT_EQ(latent_concept.terms(0).text(), "horror");
  EXPECT_EQ(latent_concept.tests().predictive().correlation(), 0.9);
  EXPECT_EQ(latent_concept.group().lead_latent(), 1);
  EXPECT_EQ(latent_concept.paper_score().confidence(), 0.9);
  measured.clear_tests();
  RefreshMeasurements(measured, &latent_concept);
  EXPECT_FALSE(latent_concept.has_tests());
}

TEST(UpdateMask, ADescriptionIsAPersonsUnlessSaidOtherwise) {
  v1::UpdateConceptRequest request;
  request.mutable_latent_concept()->set_description("mine");
  request.mutable_latent_concept()->set_source(v1::Concept::SOURCE_STATISTICAL_LABELER);
  request.mutable_update_mask()->add_paths("description");
  v1::Concept latent_concept = SampleConcept(3, "old");
  ApplyUpdate(request, &latent_concept);
  EXPECT_EQ(latent_concept.description(), "mine");
  EXPECT_EQ(latent_concept.source(), v1::Concept::SOURCE_PERSON);
  request.mutable_update_mask()->add_paths("source");
  ApplyUpdate(request, &latent_concept);
  EXPECT_EQ(latent_concept.source(), v1::Concept::SOURCE_STATISTICAL_LABELER);
}

TEST(UpdateMask, AnAbsentMessageClears) {
  v1::UpdateConceptRequest request;
  request.mutable_update_mask()->add_paths("tests");
  v1::Concept latent_concept = SampleConcept(3, "old");
  ApplyUpdate(request, &latent_concept);
  EXPECT_FALSE(latent_concept.has_tests());
  EXPECT_TRUE(latent_concept.has_group());
  request.mutable_update_mask()->set_paths(0, "group");
  ApplyUpdate(request, &latent_concept);
  EXPECT_FALSE(latent_concept.has_group());
  EXPECT_TRUE(latent_concept.has_paper_score());
}

}  // namespace
}  // namespace recsae::concept_store
