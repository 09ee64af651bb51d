// Every reader on small files with known content, and on the real data sets where they are.
#include "services/probe/datasets/readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/datasets/build.h"
#include "tests/unit/probe/datasets/files.h"

namespace recsae::probe {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void WriteRechorus(const std::string& folder) {
  WriteFile(folder + "/item_meta.csv",
            "item_id\ttitle\tgenres\n10\tHeat (1995)\tCrime|Drama\n20\tMetropolis\t\n"
            "30\tAlien (1979)\tHorror\n40\tUp (2009)\tAnimation\n");
  WriteFile(folder + "/train.csv",
            "user_id\titem_id\ttime\n1\t20\t1\n1\t10\t0\n2\t30\t0\n2\t40\t1\n");
  WriteFile(folder + "/dev.csv", "user_id\titem_id\ttime\n1\t40\t900\n");
  WriteFile(folder + "/test.csv", "user_id\titem_id\ttime\n1\t30\t901\n2\t10\t800\n");
}

TEST(RechorusTest, KeepsTheGivenSplitInTimeOrder) {
  const std::string folder = NewFolder();
  WriteRechorus(folder);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "1"), ElementsAre("10", "20", "40", "30"));
  EXPECT_THAT(dataset->train_length, ElementsAre(2, 2));
  EXPECT_THAT(dataset->dev, ElementsAre(Case{0, 2}));
  EXPECT_THAT(dataset->test, ElementsAre(Case{0, 3}, Case{1, 2}));
  EXPECT_EQ(dataset->items[0].title, "Heat (1995)");
  EXPECT_THAT(dataset->items[0].attributes,
              ElementsAre(Attribute{"genre", "Crime"}, Attribute{"genre", "Drama"},
                          Attribute{"decade", "1990s"}));
  EXPECT_THAT(dataset->items[1].attributes, IsEmpty());
}

TEST(RechorusTest, HistoryIsAllThatCameBefore) {
  const std::string folder = NewFolder();
  WriteRechorus(folder);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const Case test = dataset->test[0];  // user 1: after 10, 20 (training) and 40 (dev)
  EXPECT_EQ(Target(*dataset, test), 2);
  EXPECT_THAT(History(*dataset, test, 20), ElementsAre(0, 1, 3));
  EXPECT_THAT(History(*dataset, test, 2), ElementsAre(1, 3));
  EXPECT_THAT(Excluded(*dataset, test), ElementsAre(0, 1, 3));
  EXPECT_THAT(TrainCases(*dataset, 1), ElementsAre(Case{0, 1}, Case{1, 1}));
  EXPECT_THAT(TrainCases(*dataset, 0).size(), 4);
}

TEST(RechorusTest, MissingFileIsNamed) {
  const std::string folder = NewFolder();
  WriteRechorus(folder);
  std::filesystem::remove(folder + "/test.csv");
  const auto dataset = ReadDataset(folder);
  EXPECT_EQ(dataset.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Reason(dataset.status()), "DATA_FILE_NOT_FOUND");
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr(folder + "/test.csv"));
}

TEST(RechorusTest, WithoutDevRowsOrItemsItIsSaid) {
  const std::string folder = NewFolder();
  WriteRechorus(folder);
  std::filesystem::remove(folder + "/dev.csv");
  std::filesystem::remove(folder + "/item_meta.csv");
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_TRUE(dataset->dev.empty());
  EXPECT_NE(FindRemark(*dataset, "NO_DEV_FILE"), nullptr);
  EXPECT_NE(FindRemark(*dataset, "NO_ITEM_FILE"), nullptr);
}

TEST(RechorusTest, UndescribedItemIsKeptUnderItsId) {
  const std::string folder = NewFolder();
  WriteRechorus(folder);
  WriteFile(folder + "/dev.csv", "user_id\titem_id\ttime\n1\t77\t900\n");
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ(dataset->items.size(), 5);
  EXPECT_EQ(dataset->items[4].id, "77");
  EXPECT_EQ(dataset->items[4].title, "77");
}

TEST(MalformedTest, MoreThanOnePercentNamesFileAndLine) {
  const std::string folder = NewFolder();
  WriteRechorus(folder);
  WriteFile(folder + "/train.csv", "user_id\titem_id\ttime\n1\t20\t1\n1\tten\n");
  const auto dataset = ReadDataset(folder);
  EXPECT_EQ(dataset.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(dataset.status()), "DATASET_MALFORMED");
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr(folder + "/train.csv:3: "));
  EXPECT_THAT(Metadata(dataset.status()), Contains(testing::Pair("line", "3")));
}

TEST(MalformedTest, UpToOnePercentIsCountedAndNamed) {
  const std::string folder = NewFolder();
  WriteRechorus(folder);
  std::string train = "user_id\titem_id\ttime\n1\t20\tsoon\n";
  for (int i = 0; i < 200; ++i) absl::StrAppend(&train, i, "\t10\t", i, "\n");
  absl::StrAppend(&train, "3\t10\tlater\n");
  WriteFile(folder + "/train.csv", train);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->malformed_lines, 2);
  EXPECT_THAT(dataset->malformed, ElementsAre("train.csv:2: time 'soon' is not a number",
                                              "train.csv:203: time 'later' is not a number"));
}

TEST(MalformedTest, NotANumberIsNoTime) {
  for (const char* time : {"inf", "1e999", "-1e999", "soon"}) {
    const std::string folder = NewFolder();
    WriteRechorus(folder);
    WriteFile(folder + "/dev.csv", absl::StrCat("user_id\titem_id\ttime\n1\t10\t", time, "\n"));
    EXPECT_EQ(Reason(ReadDataset(folder).status()), "DATASET_MALFORMED") << time;
  }
}

TEST(MalformedTest, WrongHeaderNamesLineOne) {
  const std::string folder = NewFolder();
  WriteRechorus(folder);
  WriteFile(folder + "/train.csv", "who,what\n1,2\n");
  const auto dataset = ReadDataset(folder);
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr("train.csv:1: "));
}

TEST(MalformedTest, EmptyFileIsNotADataSet) {
  const std::string folder = NewFolder();
  WriteRechorus(folder);
  WriteFile(folder + "/train.csv", "");
  EXPECT_EQ(Reason(ReadDataset(folder).status()), "DATASET_MALFORMED");
  WriteFile(folder + "/train.csv", "user_id\titem_id\ttime\n");
  EXPECT_EQ(Reason(ReadDataset(folder).status()), "DATASET_EMPTY");
}

TEST(FormatTest, UnknownFolderListsWhatIsNeeded) {
  const auto dataset = ReadDataset(NewFolder());
  EXPECT_EQ(dataset.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(dataset.status()), "DATASET_FORMAT_UNKNOWN");
  EXPECT_THAT(std::string(dataset.status().message()), HasSubstr("interactions.csv"));
  EXPECT_EQ(ReadDataset(NewFolder() + "/none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Reason(ParseFormat("netflix").status()), "DATASET_FORMAT_UNKNOWN");
  EXPECT_EQ(*ParseFormat("rechorus"), Format::kRechorus);
}

TEST(CsvTest, ReadsQuotesAttributesAndOrder) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/items.csv",
            "\xEF\xBB\xBFitem,title,genre,Brand\r\na,\"One, two \"\"three\"\"\",Rock|Pop,Acme\r\n"
            "b,Second (1984),,\r\nc,Third,Pop,\r\n");
  WriteFile(folder + "/interactions.csv", "user,item,time\nu,a,30\nu,b,10\nu,c,20\nv,c,1\n");
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->items[0].title, "One, two \"three\"");
  EXPECT_THAT(dataset->items[0].attributes,
              ElementsAre(Attribute{"genre", "Rock"}, Attribute{"genre", "Pop"},
                          Attribute{"brand", "Acme"}));
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("b", "c", "a"));
  EXPECT_THAT(dataset->train_length, ElementsAre(1, 1));  // v is too short to hold out from
  EXPECT_THAT(dataset->test, ElementsAre(Case{0, 2}));
  EXPECT_THAT(dataset->dev, ElementsAre(Case{0, 1}));
}

TEST(CsvTest, WithoutTimeTheFilesOrderCountsAndLowRatingsDrop) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/items.csv", "item\ttitle\na\tA\nb\tB\nc\tC\n");
  WriteFile(folder + "/interactions.csv", "user\titem\trating\nu\tc\t5\nu\tb\t3.5\nu\ta\t4\n");
  const auto dataset = ReadDataset(folder, Format::kCsv);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("c", "a"));
}

TEST(CsvTest, ItemOnSeveralLinesIsMerged) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/items.csv", "item,title,genre\na,A,Rock\nb,B,Pop\na,A,Jazz\na,A,Rock\n");
  WriteFile(folder + "/interactions.csv", "user,item\nu,a\n");
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ(dataset->items.size(), 2);
  EXPECT_THAT(dataset->items[0].attributes,
              ElementsAre(Attribute{"genre", "Rock"}, Attribute{"genre", "Jazz"}));
  const Remark* merged = FindRemark(*dataset, "ITEMS_MERGED");
  ASSERT_NE(merged, nullptr);
  EXPECT_EQ(merged->count, 2);
  EXPECT_THAT(merged->examples, ElementsAre("items.csv:4: a", "items.csv:5: a"));
}

// Users 1..6 like movies 1..5 (time order reversed for user 1); user 7 and movie 6 fall to the
// 5-core.
void WriteMl1m(const std::string& folder) {
  WriteFile(folder + "/movies.dat",
            "1::Mis\xE9rables, Les (1995)::Drama|Musical\n2::Two::Comedy\n3::Three::Comedy\n"
            "4::Four::Comedy\n5::Five::Comedy\n6::Six::Comedy\n");
  std::string ratings;
  for (int user = 1; user <= 6; ++user) {
    for (int movie = 1; movie <= 5; ++movie) {
      absl::StrAppend(&ratings, user, "::", movie, "::4::", user == 1 ? 100 - movie : movie, "\n");
    }
  }
  absl::StrAppend(&ratings, "1::6::5::200\n2::6::3::200\n7::1::5::1\n");
  WriteFile(folder + "/ratings.dat", ratings);
}

TEST(MovieLensTest, Ml1mKeepsTheCoreAndLeavesOneOut) {
  const std::string folder = NewFolder();
  WriteMl1m(folder);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->users.size(), 6);
  ASSERT_EQ(dataset->items.size(), 5);
  EXPECT_THAT(SequenceIds(*dataset, "1"), ElementsAre("5", "4", "3", "2", "1"));
  EXPECT_EQ(dataset->train_length[0], 3);
  EXPECT_EQ(dataset->dev[0], (Case{0, 3}));
  EXPECT_EQ(dataset->test[0], (Case{0, 4}));
  EXPECT_EQ(dataset->items[0].title, "Mis\xC3\xA9rables, Les (1995)");
}

TEST(MovieLensTest, CoreIsCutUntilNothingFallsAnyMore) {
  const std::string folder = NewFolder();
  WriteMl1m(folder);
  // Without this rating user 6 falls, and with user 6 gone movie 5 has 5 likes left and stays.
  std::string ratings;
  for (int user = 1; user <= 5; ++user) {
    for (int movie = 1; movie <= 5; ++movie) {
      absl::StrAppend(&ratings, user, "::", movie, "::5::", movie, "\n");
    }
  }
  // User 8 has 5 likes, but movie 6 has only user 8, so both fall.
  for (const int movie : {1, 2, 3, 4, 6}) absl::StrAppend(&ratings, "8::", movie, "::5::1\n");
  WriteFile(folder + "/ratings.dat", ratings);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->users.size(), 5);
  EXPECT_EQ(dataset->items.size(), 5);
}

TEST(MovieLensTest, Ml100kReadsGenreFlags) {
  const std::string folder = NewFolder();
  std::string items, ratings;
  for (int movie = 1; movie <= 5; ++movie) {
    absl::StrAppend(&items, movie, "|Movie ", movie, " (1994)|01-Jan-1994||url|0|1|0|0|0|",
                    movie == 2 ? 1 : 0, "|0|0|0|0|0|0|0|0|0|0|0|0|0\n");
    for (int user = 1; user <= 5; ++user) {
      absl::StrAppend(&ratings, user, "\t", movie, "\t5\t", 880000000 + movie, "\n");
    }
  }
  WriteFile(folder + "/u.item", items);
  WriteFile(folder + "/u.data", ratings);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->users.size(), 5);
  EXPECT_THAT(dataset->items[1].attributes,
              ElementsAre(Attribute{"genre", "Action"}, Attribute{"genre", "Comedy"},
                          Attribute{"decade", "1990s"}));
}

// What the data sets' own descriptions say about them.
TEST(RealDataTest, Ml1mRecsae) {
  const std::string folder = DataFolder("ml-1m-recsae");
  if (folder.empty()) GTEST_SKIP() << "ml-1m-recsae is not in $RECSAE_DATA_DIR";
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->name, "ml-1m-recsae");
  EXPECT_EQ(dataset->users.size(), 6032);
  EXPECT_EQ(dataset->items.size(), 3125);
  EXPECT_EQ(CountInteractions(*dataset), 574197);
  EXPECT_EQ(TrainCases(*dataset, 0).size(), 568761);
  EXPECT_EQ(TrainCases(*dataset, 1).size(), 562729);
  EXPECT_EQ(dataset->dev.size(), 2562);
  EXPECT_EQ(dataset->test.size(), 2874);
  EXPECT_EQ(dataset->malformed_lines, 0);
}

// The same 5-core from the published ratings; its split is this project's own.
TEST(RealDataTest, Ml1m) {
  const std::string folder = DataFolder("ml-1m");
  if (folder.empty()) GTEST_SKIP() << "ml-1m is not in $RECSAE_DATA_DIR";
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->items.size(), 3125);
  EXPECT_EQ(dataset->users.size(), 6034);
  EXPECT_EQ(dataset->test.size(), 6034);
  EXPECT_EQ(dataset->malformed_lines, 0);
}

TEST(RealDataTest, Ml100k) {
  const std::string folder = DataFolder("ml-100k");
  if (folder.empty()) GTEST_SKIP() << "ml-100k is not in $RECSAE_DATA_DIR";
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->malformed_lines, 0);
  EXPECT_GT(dataset->users.size(), 900);
  EXPECT_THAT(dataset->items[0].attributes,
              ElementsAre(Attribute{"genre", "Animation"}, Attribute{"genre", "Children's"},
                          Attribute{"genre", "Comedy"}, Attribute{"decade", "1990s"}));
  EXPECT_EQ(dataset->test.size(), dataset->users.size());
}

TEST(Readers, EndSoonWhenTheyMayNotProceed) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/items.csv", "item,title\na,A\n");
  std::string lines = "user,item\n";
  for (int i = 0; i < 200'000; ++i) absl::StrAppend(&lines, "u", i % 50'000, ",a\n");
  WriteFile(folder + "/interactions.csv", lines);
  int64_t last = 0;
  int asked = 0;
  const auto all = ReadDataset(folder, Format::kCsv, {}, [&](int64_t bytes) {
    EXPECT_GE(bytes, last);
    EXPECT_LE(bytes - last, 1 << 22) << "read without asking";
    last = bytes;
    ++asked;
    return absl::OkStatus();
  });
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_GE(last, 200'000 * 16) << "what is held is told";
  // Wherever it is told to end, in the files or after them: it asks no more.
  for (const int end : {1, 5, asked - 3, asked - 1}) {
    int left = end;
    const auto broken_off = ReadDataset(folder, Format::kCsv, {}, [&](int64_t) {
      EXPECT_GT(left, 0);
      return --left > 0 ? absl::OkStatus() : absl::AbortedError("stop");
    });
    EXPECT_EQ(broken_off.status().code(), absl::StatusCode::kAborted) << end << " of " << asked;
  }
}

TEST(Readers, ALineWithoutEndIsNotReadIntoMemory) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/items.csv", "item,title\na,A\n");
  WriteFile(folder + "/interactions.csv",
            "user,item\n" + std::string(kMaxLineBytes + (1 << 20), 'x'));
  const auto dataset = ReadDataset(folder, Format::kCsv);
  EXPECT_EQ(Reason(dataset.status()), "DATASET_MALFORMED");
  EXPECT_THAT(std::string(dataset.status().message()),
              HasSubstr("interactions.csv:2: the line is"));
}

}  // namespace
}  // namespace recsae::probe
