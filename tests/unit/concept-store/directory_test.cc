#include "services/concept-store/search/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace recsae::concept_store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ConceptDirectory Sample() {
  ConceptDirectory directory;
  directory.Put(4,
                {.correlation = 0.9, .paper_confidence = 0.5, .verified = true, .active_rows = 7});
  directory.Put(1, {.correlation = 0.5, .paper_confidence = 1, .leads = false, .active_rows = 9});
  directory.Put(9,
                {.correlation = 0.9, .paper_confidence = 0.8, .verified = true, .active_rows = 9});
  // Not tested: of an earlier version, or because there was nothing to test on.
  directory.Put(2, {.correlation = 0, .paper_confidence = 0, .active_rows = 0});
  return directory;
}

// Some descriptions go against their latent for the users who test.
ConceptDirectory WithNegatives() {
  ConceptDirectory directory = Sample();
  directory.Put(3, {.correlation = -0.1, .leads = false});
  directory.Put(7, {.correlation = -0.8});
  return directory;
}

std::vector<int32_t> ListAll(const ConceptDirectory& directory, DirectoryQuery query) {
  query.size = 100;
  return directory.List(query)->latents;
}

TEST(ConceptDirectory, Orders) {
  const ConceptDirectory directory = Sample();
  EXPECT_THAT(ListAll(directory, {}), ElementsAre(1, 2, 4, 9));
  EXPECT_THAT(ListAll(directory, {.order = ConceptOrder::kCorrelation}), ElementsAre(4, 9, 1, 2));
  EXPECT_THAT(ListAll(directory, {.order = ConceptOrder::kPaperConfidence}),
              ElementsAre(1, 9, 4, 2));
  EXPECT_THAT(ListAll(directory, {.order = ConceptOrder::kActiveRows}), ElementsAre(1, 9, 4, 2));
  EXPECT_THAT(ListAll(WithNegatives(), {.order = ConceptOrder::kCorrelation}),
              ElementsAre(4, 9, 1, 2, 3, 7));
}

TEST(ConceptDirectory, Filters) {
  const ConceptDirectory directory = Sample();
  EXPECT_THAT(ListAll(directory, {.min_correlation = 0.5}), ElementsAre(1, 4, 9));
  EXPECT_THAT(ListAll(directory, {.min_paper_confidence = 0.6}), ElementsAre(1, 9));
  EXPECT_THAT(ListAll(directory, {.verified_only = true}), ElementsAre(4, 9));
  const auto none = directory.List({.min_correlation = 0.95, .size = 10});
  EXPECT_THAT(none->latents, IsEmpty());
  EXPECT_EQ(none->total, 0);
  EXPECT_FALSE(none->more);
}

TEST(ConceptDirectory, AllMeansNegativeCorrelationsToo) {
  const ConceptDirectory directory = WithNegatives();
  EXPECT_THAT(ListAll(directory, {.min_correlation = 0}), ElementsAre(1, 2, 3, 4, 7, 9));
  EXPECT_THAT(ListAll(directory, {.min_correlation = 1e-9}), ElementsAre(1, 4, 9));
}

TEST(ConceptDirectory, OneOfEachGroup) {
  const ConceptDirectory directory = WithNegatives();
  EXPECT_THAT(ListAll(directory, {.groups_only = true}), ElementsAre(2, 4, 7, 9));
  EXPECT_THAT(ListAll(directory, {.order = ConceptOrder::kCorrelation, .groups_only = true}),
              ElementsAre(4, 9, 2, 7));
  EXPECT_THAT(ListAll(directory, {.min_correlation = 0.5, .groups_only = true}), ElementsAre(4, 9));
  const auto page = directory.List({.groups_only = true, .size = 1});
  EXPECT_EQ(page->total, 4);
  EXPECT_TRUE(page->more);
}

TEST(ConceptDirectory, PagesWithoutGapsOrRepeats) {
  const ConceptDirectory directory = WithNegatives();
  for (const ConceptOrder order : {ConceptOrder::kLatent, ConceptOrder::kCorrelation,
                                   ConceptOrder::kPaperConfidence, ConceptOrder::kActiveRows}) {
    std::vector<int32_t> paged;
    DirectoryQuery query = {.order = order, .size = 1};
    bool more = true;
    while (more) {
      const auto page = directory.List(query);
      ASSERT_TRUE(page.ok());
      ASSERT_EQ(page->latents.size(), 1U);
      EXPECT_EQ(page->total, 6);
      paged.push_back(page->latents[0]);
      query.position = page->positions[0];
      more = page->more;
    }
    EXPECT_EQ(paged, ListAll(directory, {.order = order}));
  }
}

TEST(ConceptDirectory, AChangeBetweenPagesHidesNothingElse) {
  ConceptDirectory directory = Sample();
  DirectoryQuery query = {.order = ConceptOrder::kCorrelation, .size = 1};
  const auto first = directory.List(query);
  ASSERT_THAT(first->latents, ElementsAre(4));
  // The last one returned goes, and one rises above the position.
  directory.Remove(4);
  directory.Put(2, {.correlation = 1});
  query.position = first->positions[0];
  query.size = 10;
  EXPECT_THAT(directory.List(query)->latents, ElementsAre(9, 1));
}

TEST(ConceptDirectory, RefusesAForeignPosition) {
  EXPECT_EQ(Sample().List({.position = "x", .size = 1}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace recsae::concept_store
