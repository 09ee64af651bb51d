// The reader of Last.fm (HetRec 2011): tags, encodings, and a split where nothing has a time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/datasets/readers.h"
#include "tests/unit/probe/datasets/files.h"

namespace recsae::probe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Five users who all listened to the five artists 1..5, and user 9 to artist 6 alone.
void WriteHetrec(const std::string& folder) {
  WriteFile(folder + "/artists.dat",
            "id\tname\turl\tpictureURL\n1\tBj\xC3\xB6rk\tu\tp\n2\t\"Weird Al\" Yankovic\tu\tp\n"
            "3\tThree\tu\tp\n4\tFour\tu\tp\n5\tFive\tu\tp\n6\tSix\tu\tp\n");
  WriteFile(folder + "/tags.dat",
            "tagID\ttagValue\r\n1\tmetal\r\n2\tchill\xE9\r\n3\tmine alone\r\n");
  WriteFile(folder + "/user_taggedartists.dat",
            "userID\tartistID\ttagID\tday\tmonth\tyear\n"
            "1\t1\t2\t1\t4\t2009\n2\t1\t2\t1\t4\t2009\n3\t1\t2\t1\t4\t2009\n"
            "1\t1\t1\t1\t4\t2009\n2\t1\t1\t1\t4\t2009\n1\t1\t3\t1\t4\t2009\n"
            "1\t77\t1\t1\t4\t2009\n");
  std::string counts = "userID\tartistID\tweight\r\n";
  for (int user = 1; user <= 5; ++user) {
    for (int artist = 1; artist <= 5; ++artist) {
      absl::StrAppend(&counts, user, "\t", artist, "\t", 100 * artist, "\r\n");
    }
  }
  WriteFile(folder + "/user_artists.dat", counts + "9\t6\t1\r\n");
}

TEST(HetrecTest, TagsGivenByManyBecomeAttributes) {
  const std::string folder = NewFolder();
  WriteHetrec(folder);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ(dataset->items.size(), 5);  // artist 6 falls to the 5-core
  EXPECT_EQ(dataset->items[0].title, "Bj\xC3\xB6rk");
  EXPECT_EQ(dataset->items[1].title, "\"Weird Al\" Yankovic");
  EXPECT_THAT(dataset->items[0].attributes,
              ElementsAre(Attribute{"tag", "chill\xC3\xA9"}, Attribute{"tag", "metal"}));
  EXPECT_THAT(dataset->items[1].attributes, IsEmpty());
  EXPECT_EQ(dataset->users.size(), 5);
  EXPECT_EQ(dataset->malformed_lines, 0);
}

TEST(HetrecTest, AnArtistKeepsItsTenMostGivenTags) {
  const std::string folder = NewFolder();
  WriteHetrec(folder);
  std::string tags = "tagID\ttagValue\n", given = "userID\tartistID\ttagID\tday\tmonth\tyear\n";
  for (int tag = 1; tag <= 12; ++tag) {
    absl::StrAppend(&tags, tag, "\ttag ", tag, "\n");
    for (int user = 0; user < tag + 1; ++user) {
      absl::StrAppend(&given, user, "\t3\t", tag, "\t1\t1\t2009\n");
    }
  }
  WriteFile(folder + "/tags.dat", tags);
  WriteFile(folder + "/user_taggedartists.dat", given);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const auto& attributes = dataset->items[2].attributes;
  ASSERT_EQ(attributes.size(), 10);
  EXPECT_EQ(attributes.front(), (Attribute{"tag", "tag 12"}));
  EXPECT_EQ(attributes.back(), (Attribute{"tag", "tag 3"}));
}

TEST(HetrecTest, WithoutTimesTheSeedDrawsWhatIsHeldOut) {
  const std::string folder = NewFolder();
  WriteHetrec(folder);
  const auto sequences = [&](uint64_t seed) {
    const auto dataset = ReadDataset(folder, Format::kAuto, {.seed = seed});
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return dataset->sequences;
  };
  const auto first = sequences(1);
  EXPECT_EQ(sequences(1), first);
  EXPECT_NE(sequences(2), first);
  for (auto sequence : first) {  // none lost, none twice
    std::sort(sequence.begin(), sequence.end());
    EXPECT_THAT(sequence, ElementsAre(0, 1, 2, 3, 4));
  }
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(dataset->train_length, testing::Each(3));
  EXPECT_EQ(dataset->dev.size(), 5);
  EXPECT_EQ(dataset->test.size(), 5);
}

TEST(HetrecTest, ThresholdIsOnListeningCounts) {
  const std::string folder = NewFolder();
  WriteHetrec(folder);
  const auto dataset = ReadDataset(folder, Format::kAuto, {.core = 0, .positive_threshold = 300});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(CountInteractions(*dataset), 15);
  EXPECT_EQ(dataset->users.size(), 5);  // user 9 listened once
  EXPECT_EQ(dataset->items.size(), 6);  // without a core the catalogue is whole
}

TEST(HetrecTest, MalformedLinesAreNamed) {
  const std::string folder = NewFolder();
  WriteHetrec(folder);
  WriteFile(folder + "/tags.dat", "tagID\ttagValue\n1\tmetal\n2\n3\tmine\n");
  EXPECT_THAT(std::string(ReadDataset(folder).status().message()), HasSubstr("tags.dat:3: has 1"));
  WriteHetrec(folder);
  WriteFile(folder + "/user_artists.dat", "userID\tartistID\tweight\n1\t1\tmany\n");
  const auto dataset = ReadDataset(folder);
  EXPECT_EQ(Reason(dataset.status()), "DATASET_MALFORMED");
  EXPECT_THAT(std::string(dataset.status().message()),
              HasSubstr("user_artists.dat:2: weight 'many'"));
}

// Counts as the published data have them after the 5-core.
TEST(RealDataTest, HetrecLastfm) {
  const std::string folder = DataFolder("hetrec2011-lastfm-2k");
  if (folder.empty()) GTEST_SKIP() << "hetrec2011-lastfm-2k is not in $RECSAE_DATA_DIR";
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->users.size(), 1859);
  EXPECT_EQ(dataset->items.size(), 2823);
  EXPECT_EQ(CountInteractions(*dataset), 71355);
  EXPECT_EQ(dataset->test.size(), 1859);
  EXPECT_EQ(dataset->malformed_lines, 0);
  const auto tagged = std::count_if(dataset->items.begin(), dataset->items.end(),
                                    [](const Item& item) { return !item.attributes.empty(); });
  EXPECT_EQ(tagged, 2576);
  const auto all = ReadDataset(folder, Format::kAuto, {.core = 0});
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->users.size(), 1892);
  EXPECT_EQ(all->items.size(), 17632);
  EXPECT_EQ(CountInteractions(*all), 92834);
}

}  // namespace
}  // namespace recsae::probe
