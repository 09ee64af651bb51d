// Variants of files that people have: read as meant, or refused with the way out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/datasets/readers.h"
#include "tests/unit/probe/datasets/files.h"

namespace recsae::probe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Files = std::map<std::string, std::string>;

constexpr char kItems[] = "item,title,kind\na,Alpha,Tea\nb,Beta,Tea\nc,Gamma,Coffee\n";
constexpr char kLog[] = "user,item,time\nu,a,1\nu,b,2\nu,c,3\n";
constexpr char kMoreLog[] = "user,item,time\nv,c,1\nv,a,2\nv,b,3\n";

absl::StatusOr<Dataset> Read(const Files& files, const DatasetOptions& options = {.core = 0}) {
  const std::string folder = NewFolder();
  for (const auto& [name, text] : files) {
    const std::filesystem::path path = folder + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    WriteFile(path.string(), text);
  }
  return ReadDataset(folder, Format::kAuto, options);
}

std::string Message(const Files& files) { return std::string(Read(files).status().message()); }

std::string TitleOf(const Dataset& dataset, const std::string& id) {
  for (const Item& item : dataset.items) {
    if (item.id == id) return item.title;
  }
  return "(none)";
}

TEST(VariantsTest, FilesThatAreNoTablesNameTheWayOut) {
  const std::string parquet = "PAR1....PAR1", convert = "python -m recsae.datasets convert ";
  EXPECT_THAT(Message({{"log.parquet", parquet}}), HasSubstr(convert));
  EXPECT_THAT(Message({{"interactions.parquet", parquet}, {"items.csv", kItems}}),
              HasSubstr(convert));
  EXPECT_THAT(Message({{"log.parquet/part-0.snappy.parquet", parquet}}), HasSubstr(convert));
  EXPECT_THAT(Message({{"interactions.csv", parquet}}), HasSubstr(convert));
  EXPECT_THAT(Message({{"interactions.csv.bz2", "BZh91"}}), HasSubstr("bunzip2"));
  EXPECT_THAT(Message({{"interactions.csv", "BZh91"}}), HasSubstr("bunzip2"));
  EXPECT_THAT(Message({{"orders.xlsx", "PK\x03\x04"}}), HasSubstr("save its sheets as CSV"));
  EXPECT_THAT(Message({{"log.feather", "ARROW1"}}), HasSubstr("recsae.datasets.write"));
  const auto dataset = Read({{"interactions.csv", kLog}, {"items.parquet", parquet}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const Remark* remark = FindRemark(*dataset, "FILES_NOT_READ");
  ASSERT_NE(remark, nullptr);
  EXPECT_TRUE(remark->warning);
  EXPECT_THAT(remark->text, HasSubstr("items.parquet is a Parquet file: " + convert));
}

TEST(VariantsTest, FoldersOfPartFilesAreTables) {
  const auto dataset = Read({{"events/part-00000-c000.csv", kLog},
                             {"events/part-00001-c000.csv", kMoreLog},
                             {"events/_SUCCESS", ""},
                             {"events/.part-00000-c000.csv.crc", "crc"},
                             {"things/part-00000", kItems}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(SequenceIds(*dataset, "v"), ElementsAre("c", "a", "b"));
  EXPECT_EQ(TitleOf(*dataset, "a"), "Alpha");
}

TEST(VariantsTest, PartsOfASplitInFilesOfAnyName) {
  const auto split = Read({{"shop_train.csv", kLog},
                           {"shop_val.csv", "user,item,time\nu,d,4\n"},
                           {"shop_test.csv", kMoreLog}});
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->dev.size(), 1U);
  EXPECT_EQ(split->test.size(), 3U);
  // One file whose name happens to have such a word holds nothing out.
  const auto whole = Read({{"my_train_log.csv", kLog}});
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->test.size(), 1U);
}

TEST(VariantsTest, CopiesBesideAreNotRead) {
  const auto dataset = Read({{"interactions.csv", kLog},
                             {"interactions.csv.bak", kMoreLog},
                             {"interactions.csv~", kMoreLog},
                             {"items.csv", kItems},
                             {"items.csv.orig", kItems}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->users.size(), 1U);
  EXPECT_EQ(FindRemark(*dataset, "ITEMS_MERGED"), nullptr);
}

TEST(VariantsTest, ListsOfItemsAreNoItems) {
  EXPECT_THAT(Message({{"interactions.csv", "user,item\nu,\"[1, 2]\"\nv,\"[1, 3]\"\n"}}),
              HasSubstr("is a list"));
}

TEST(VariantsTest, BackslashesInQuotedFields) {
  const auto dataset = Read({{"interactions.csv", kLog},
                             {"items.csv",
                              "item,title\na,\"The \"\"3\\\"\" of x\"\nb,\"C:\\dir\\\"\n"
                              "c,\"Say \\\"hi\\\", now\"\n"}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(TitleOf(*dataset, "a"), "The \"3\\\" of x");
  EXPECT_EQ(TitleOf(*dataset, "b"), "C:\\dir\\");
  EXPECT_EQ(TitleOf(*dataset, "c"), "Say \"hi\", now");
}

TEST(VariantsTest, WhatStandsBeforeTheColumns) {
  for (const std::string before : {"sep=,\n", "# made in March\n#\n", "\n\n", "#"}) {
    const auto dataset =
        Read({{"interactions.csv", before + kLog}, {"items.csv", before + kItems}});
    ASSERT_TRUE(dataset.ok()) << before << dataset.status();
    EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("a", "b", "c")) << before;
    EXPECT_EQ(TitleOf(*dataset, "a"), "Alpha") << before;
  }
}

TEST(VariantsTest, HeaderLinesWhereNoneIsUsual) {
  const auto clicks = Read({{"yoochoose-clicks.csv",
                             "session_id,timestamp,item_id,category\n"
                             "1,2014-04-07T10:51:09.277Z,7,0\n1,2014-04-07T10:50:09.277Z,8,S\n"}});
  ASSERT_TRUE(clicks.ok()) << clicks.status();
  EXPECT_THAT(SequenceIds(*clicks, "1"), ElementsAre("8", "7"));
  DatasetOptions options{.core = 0};
  options.columns.of(Role::kUser) = "1";
  options.columns.of(Role::kItem) = "2";
  for (const char* text : {"user item\nu a\nu b\n", "u a\nu b\n"}) {
    const auto spaces = Read({{"log.txt", text}}, options);
    ASSERT_TRUE(spaces.ok()) << spaces.status();
    EXPECT_THAT(SequenceIds(*spaces, "u"), ElementsAre("a", "b"));
  }
}

TEST(VariantsTest, TheOtherDatesOfAFileTellItsOrder) {
  const auto read = [](const std::string& first, const std::string& second,
                       const std::string& third) {
    return Read({{"interactions.csv",
                  "user,item,date\nu,a," + first + "\nu,b," + second + "\nu,c," + third + "\n"}});
  };
  const auto day_first = read("10/03/2021", "04/05/2021", "25/02/2021");
  ASSERT_TRUE(day_first.ok()) << day_first.status();
  EXPECT_THAT(SequenceIds(*day_first, "u"), ElementsAre("c", "a", "b"));
  EXPECT_EQ(FindRemark(*day_first, "DATES_AMBIGUOUS"), nullptr);
  const auto dots = read("01.06.2021", "02.05.2021", "03.04.2021");
  ASSERT_TRUE(dots.ok()) << dots.status();
  EXPECT_THAT(SequenceIds(*dots, "u"), ElementsAre("c", "b", "a"));
  const auto guessed = read("10/03/2021", "04/05/2021", "2021-01-01");
  ASSERT_TRUE(guessed.ok()) << guessed.status();
  EXPECT_THAT(SequenceIds(*guessed, "u"), ElementsAre("c", "b", "a"));
  ASSERT_NE(FindRemark(*guessed, "DATES_AMBIGUOUS"), nullptr);
  const auto both = read("10/03/2021", "13/05/2021", "12/31/2021");
  ASSERT_TRUE(both.ok()) << both.status();
  ASSERT_NE(FindRemark(*both, "DATES_AMBIGUOUS"), nullptr);
  EXPECT_TRUE(FindRemark(*both, "DATES_AMBIGUOUS")->warning);
}

TEST(VariantsTest, ColumnsInOtherWords) {
  const auto dataset =
      Read({{"transactions.csv", "t_dat,customer_id,article_id\n2018-09-22,u,a\n2018-09-20,u,b\n"},
            {"articles.csv", "article_id,title_en,colour\na,Top,Red\nb,Vest,Red\n"}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("b", "a"));
  EXPECT_EQ(TitleOf(*dataset, "a"), "Top");
  const auto untimed = Read({{"interactions.csv", "user,item,when_it_was\nu,a,3\nu,b,2\n"}});
  ASSERT_TRUE(untimed.ok()) << untimed.status();
  const Remark* remark = FindRemark(*untimed, "TIMES_UNKNOWN");
  ASSERT_NE(remark, nullptr);
  EXPECT_THAT(remark->text, HasSubstr("when_it_was"));
}

TEST(VariantsTest, RowsWithoutAnItemAreCounted) {
  const auto dataset = Read({{"interactions.csv", std::string(kLog) + "u,,4\nu,nan,5\n"}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->malformed_lines, 0);
  const Remark* remark = FindRemark(*dataset, "ITEMS_MISSING");
  ASSERT_NE(remark, nullptr);
  EXPECT_EQ(remark->count, 2);
}

TEST(VariantsTest, SeveralDelimitersAtTheEnd) {
  const auto dataset = Read({{"interactions.csv", "user,item,time\nu,a,1,,\nu,b,2,,\nu,c,3,,\n"}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("a", "b", "c"));
}

TEST(VariantsTest, FieldsInApostrophes) {
  const auto dataset =
      Read({{"interactions.csv", "'user','item','time'\n'u','a','2'\n'u','b','1'\n"},
            {"items.csv", "'item','title_de'\n'a','Rock 'n' Roll'\n'b','B'\n"}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("b", "a"));
  EXPECT_EQ(TitleOf(*dataset, "a"), "Rock 'n' Roll");
}

TEST(VariantsTest, ManyIdsAreFoundAgain) {
  std::string log = "user,item,time\n";
  constexpr int kUsers = 20'000;
  for (int round = 0; round < 3; ++round) {
    for (int user = 0; user < kUsers; ++user)
      absl::StrAppend(&log, "user-", user, ",", round * 5'000'000 + user % 7, ",", round, "\n");
  }
  absl::StrAppend(&log, std::string(100'000, 'x'), ",1,1\n");  // longer than a piece of text
  const auto dataset = Read({{"interactions.csv", log}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->users.size(), kUsers + 1U);
  EXPECT_EQ(dataset->items.size(), 21U);
  for (const int user : {0, 1, 9'999, kUsers - 1}) {
    EXPECT_THAT(SequenceIds(*dataset, absl::StrCat("user-", user)),
                ElementsAre(absl::StrCat(user % 7), absl::StrCat(5'000'000 + user % 7),
                            absl::StrCat(10'000'000 + user % 7)));
  }
}

}  // namespace
}  // namespace recsae::probe
