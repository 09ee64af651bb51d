// The generated data set is what its description promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/match.h"
#include "common/base/status.h"
#include "services/probe/datasets/readers.h"

namespace recsae::probe {
namespace {

TEST(PlantedTest, SameSeedSameData) {
  const auto a = GeneratePlanted({.users = 50, .seed = 3});
  const auto b = GeneratePlanted({.users = 50, .seed = 3});
  const auto c = GeneratePlanted({.users = 50, .seed = 4});
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  EXPECT_EQ(a->sequences, b->sequences);
  EXPECT_EQ(a->concept_names, b->concept_names);
  EXPECT_NE(a->sequences, c->sequences);
}

TEST(PlantedTest, ConceptNameIsInTitleAndAttribute) {
  const auto dataset = GeneratePlanted({});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const std::set<std::string> names(dataset->concept_names.begin(), dataset->concept_names.end());
  EXPECT_EQ(names.size(), 12);
  EXPECT_TRUE(names.contains("Horror"));  // the README's first commands look for it
  for (size_t i = 0; i < dataset->items.size(); ++i) {
    const std::string& name = dataset->concept_names[dataset->item_concept[i]];
    EXPECT_TRUE(absl::StrContains(dataset->items[i].title, name));
    EXPECT_THAT(dataset->items[i].attributes, testing::Contains(Attribute{"concept", name}));
  }
}

TEST(PlantedTest, SequencesStayInAConceptAndNeverRepeat) {
  const PlantedOptions options{.users = 300, .stay = 0.9};
  const auto dataset = GeneratePlanted(options);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  double steps = 0, stayed = 0;
  for (const auto& sequence : dataset->sequences) {
    EXPECT_GE(sequence.size(), static_cast<size_t>(options.min_length));
    EXPECT_LE(sequence.size(), static_cast<size_t>(options.max_length));
    EXPECT_EQ(std::set<int32_t>(sequence.begin(), sequence.end()).size(), sequence.size());
    for (size_t i = 1; i < sequence.size(); ++i) {
      ++steps;
      stayed += dataset->item_concept[sequence[i]] == dataset->item_concept[sequence[i - 1]];
    }
  }
  // A switch may land on the same concept, and an exhausted concept is left early.
  EXPECT_NEAR(stayed / steps, 0.9, 0.02);
}

TEST(PlantedTest, PopularityIsSkewed) {
  const auto dataset = GeneratePlanted({.users = 500});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  std::vector<int> count(dataset->items.size());
  for (const auto& sequence : dataset->sequences) {
    for (const int32_t item : sequence) ++count[item];
  }
  int first = 0, last = 0;  // the concepts' most and least popular items
  for (int c = 0; c < 12; ++c) first += count[c], last += count[count.size() - 1 - c];
  EXPECT_GT(first, 2 * last);
}

TEST(PlantedTest, EqualDataHasOneFingerprintAndOtherDataAnother) {
  const auto dataset = GeneratePlanted({.users = 50});
  const auto again = GeneratePlanted({.users = 50});
  ASSERT_TRUE(dataset.ok() && again.ok());
  const std::string fingerprint = FingerprintOf(*dataset);
  EXPECT_EQ(fingerprint.size(), 16u);
  EXPECT_EQ(FingerprintOf(*again), fingerprint);

  std::set<std::string> all = {fingerprint};
  const auto with = [&](auto change) {
    Dataset changed = *dataset;
    change(changed);
    EXPECT_TRUE(all.insert(FingerprintOf(changed)).second);
  };
  with([](Dataset& d) { d.items[3].title += "x"; });
  with([](Dataset& d) { d.items[3].attributes[0].value += "x"; });
  with([](Dataset& d) { d.users[7] += "x"; });
  with([](Dataset& d) { std::swap(d.sequences[7][0], d.sequences[7][1]); });
  with([](Dataset& d) { --d.train_length[7]; });
  with([](Dataset& d) { d.test.pop_back(); });
  with([](Dataset& d) { std::swap(d.dev, d.test); });
}

TEST(PlantedTest, OptionsOutOfRangeAreNamed) {
  const std::pair<PlantedOptions, std::string> cases[] = {
      {{.users = 0}, "user_count"},
      {{.concepts = 0}, "concept_count"},
      {{.items = 20}, "items_per_concept"},
      {{.min_length = 2}, "interactions_per_user"},
      {{.max_length = 10}, "interactions_per_user"},
      {{.max_length = 200}, "interactions_per_user"},
      {{.stay = 1.5}, "stay"},
      {{.popularity_skew = -1}, "popularity_skew"}};
  for (const auto& [options, name] : cases) {
    const auto dataset = GeneratePlanted(options);
    EXPECT_EQ(Reason(dataset.status()), "PLANTED_OPTIONS_INVALID") << name;
    EXPECT_THAT(Metadata(dataset.status()), testing::Contains(testing::Pair("name", name)));
  }
}

}  // namespace
}  // namespace recsae::probe
