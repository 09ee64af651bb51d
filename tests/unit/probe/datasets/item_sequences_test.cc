// The reader of item-sequence files: order, brands and categories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "common/base/status.h"
#include "services/probe/datasets/readers.h"
#include "tests/unit/probe/datasets/files.h"

namespace recsae::probe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void WriteSequences(const std::string& folder) {
  WriteFile(folder + "/items.tsv",
            "item_id\tasin\tshort_text\tattributes\n"
            "1\tB1\tnail lacquer\tOPI|Makeup|Nails\n"
            "2\tB2\tcr\xE8me\tPond&#39;s|Skin Care\n"
            "3\tB3\tmask\tUnknown|Skin Care|Masks\n"
            "4\tB4\t\tMakeup|Lips &amp; Eyes\n");
  WriteFile(folder + "/sequences.txt", "u 3 1 4 2\nv 2 3 1\n");
}

TEST(ItemSequencesTest, ReadsTheOrderGiven) {
  const std::string folder = NewFolder();
  WriteSequences(folder);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("3", "1", "4", "2"));
  EXPECT_THAT(SequenceIds(*dataset, "v"), ElementsAre("2", "3", "1"));
  EXPECT_THAT(dataset->train_length, ElementsAre(2, 1));
  EXPECT_THAT(dataset->test, ElementsAre(Case{0, 3}, Case{1, 2}));
}

TEST(ItemSequencesTest, TellsBrandsFromCategories) {
  const std::string folder = NewFolder();
  WriteSequences(folder);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const auto& items = dataset->items;
  EXPECT_EQ(items[1].title, "cr\xC3\xA8me");
  EXPECT_EQ(items[3].title, "4");  // nothing else to go by
  EXPECT_THAT(items[0].attributes,
              ElementsAre(Attribute{"brand", "OPI"}, Attribute{"category", "Makeup"},
                          Attribute{"category", "Nails"}));
  EXPECT_THAT(items[1].attributes,
              ElementsAre(Attribute{"brand", "Pond's"}, Attribute{"category", "Skin Care"}));
  EXPECT_THAT(items[2].attributes,
              ElementsAre(Attribute{"category", "Skin Care"}, Attribute{"category", "Masks"}));
  EXPECT_THAT(items[3].attributes,
              ElementsAre(Attribute{"category", "Makeup"}, Attribute{"category", "Lips & Eyes"}));
}

TEST(ItemSequencesTest, MalformedLinesAreNamed) {
  const std::string folder = NewFolder();
  WriteSequences(folder);
  WriteFile(folder + "/sequences.txt", "u 1 2 3\nv\n");
  EXPECT_THAT(std::string(ReadDataset(folder).status().message()),
              HasSubstr("sequences.txt:2: has no item"));
  WriteFile(folder + "/sequences.txt", "u 1 2 3\nu 3 2\n");
  EXPECT_THAT(std::string(ReadDataset(folder).status().message()),
              HasSubstr("sequences.txt:2: user u repeated"));
  WriteFile(folder + "/items.tsv", "item_id\tasin\n1\tB1\n");
  EXPECT_THAT(std::string(ReadDataset(folder).status().message()), HasSubstr("items.tsv:1: "));
}

// What the data set's own description says about it.
TEST(RealDataTest, AmazonBeauty) {
  const std::string folder = DataFolder("amazon-beauty");
  if (folder.empty()) GTEST_SKIP() << "amazon-beauty is not in $RECSAE_DATA_DIR";
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->users.size(), 22363);
  EXPECT_EQ(dataset->items.size(), 12101);
  EXPECT_EQ(CountInteractions(*dataset), 198502);
  EXPECT_EQ(dataset->test.size(), 22363);
  EXPECT_EQ(dataset->malformed_lines, 0);
  EXPECT_THAT(dataset->items[0].attributes,
              ElementsAre(Attribute{"brand", "OPI"}, Attribute{"category", "Makeup"},
                          Attribute{"category", "Nails"}, Attribute{"category", "Nail Polish"}));
  const auto branded =
      std::count_if(dataset->items.begin(), dataset->items.end(), [](const Item& item) {
        return !item.attributes.empty() && item.attributes[0].key == "brand";
      });
  EXPECT_GT(branded, 7000);
  // The published file is a 5-core already.
  const auto core = ReadDataset(folder, Format::kAuto, {.core = 5});
  ASSERT_TRUE(core.ok()) << core.status();
  EXPECT_EQ(CountInteractions(*core), 198502);
}

}  // namespace
}  // namespace recsae::probe
