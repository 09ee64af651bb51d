// Variants of files that people have: read as meant, or refused with the way out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

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

// Rows of two users, the last of each marked by a column.
std::string Marked(const std::string& column, const std::string& train, const std::string& dev,
                   const std::string& test) {
  std::string log = "user,item,time," + column + "\n";
  for (const char* user : {"u", "v"}) {
    absl::StrAppend(&log, user, ",a,1,", train, "\n", user, ",b,2,", train, "\n", user, ",c,3,",
                    train, "\n", user, ",d,4,", dev, "\n", user, ",e,5,", test, "\n");
  }
  return log;
}

// How many rows are for training, dev and test; what went wrong shows in the test.
std::vector<size_t> PartsOf(const absl::StatusOr<Dataset>& dataset) {
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  if (!dataset.ok()) return {};
  size_t train = 0;
  for (const int32_t length : dataset->train_length) train += static_cast<size_t>(length);
  return {train, dataset->dev.size(), dataset->test.size()};
}

TEST(VariantsTest, SplitsByOtherWordsAndNumbers) {
  const auto parts = [](const std::string& column, const std::string& train, const std::string& dev,
                        const std::string& test) {
    return PartsOf(Read({{"interactions.csv", Marked(column, train, dev, test)}}));
  };
  EXPECT_THAT(parts("set", "train", "dev", "test"), ElementsAre(6, 2, 2));
  EXPECT_THAT(parts("Split", "training", "val", "hold-out"), ElementsAre(6, 2, 2));
  EXPECT_THAT(parts("partition", "train", "train", "holdout"), ElementsAre(8, 0, 2));
  EXPECT_THAT(parts("split", "0", "1", "2"), ElementsAre(6, 2, 2));
  EXPECT_THAT(parts("split", "1.0", "2.0", "3.0"), ElementsAre(6, 2, 2));
  EXPECT_THAT(parts("split", "0", "0", "1"), ElementsAre(8, 0, 2));
  EXPECT_THAT(parts("split", "1", "1", "0"), ElementsAre(8, 0, 2))
      << "the smaller part is held out";
  EXPECT_THAT(parts("is_test", "0", "0", "1"), ElementsAre(8, 0, 2));
  EXPECT_THAT(parts("isTest", "False", "", "True"), ElementsAre(8, 0, 2));
  EXPECT_THAT(parts("is_train", "yes", "yes", "no"), ElementsAre(8, 0, 2));
  EXPECT_THAT(parts("is_train,is_test", "1,0", "0,0", "0,1"), ElementsAre(6, 2, 2));
  EXPECT_THAT(parts("is_valid,is_test", "0,0", "1,0", "0,1"), ElementsAre(6, 2, 2));
}

TEST(VariantsTest, GuessedSplitsAreSaid) {
  const auto numbers = Read({{"interactions.csv", Marked("split", "0", "1", "2")}});
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  ASSERT_NE(FindRemark(*numbers, "SPLIT_GUESSED"), nullptr);
  EXPECT_THAT(FindRemark(*numbers, "SPLIT_GUESSED")->text, HasSubstr("1 as dev (2 rows)"));
  EXPECT_FALSE(FindRemark(*numbers, "SPLIT_GUESSED")->warning);
  const auto flags = Read({{"interactions.csv", Marked("is_test", "0", "0", "1")}});
  ASSERT_TRUE(flags.ok()) << flags.status();
  ASSERT_NE(FindRemark(*flags, "SPLIT_GUESSED"), nullptr);
  EXPECT_THAT(FindRemark(*flags, "SPLIT_GUESSED")->text, HasSubstr("is_test"));
  // What such a column holds is none: said, and not used.
  for (const std::string column : {"set", "fold"}) {
    const auto other = Read({{"interactions.csv", Marked(column, "4", "5", "6")}});
    EXPECT_THAT(PartsOf(other), ElementsAre(6, 2, 2)) << "leave-one-out";
    ASSERT_NE(FindRemark(*other, "SPLIT_IGNORED"), nullptr) << column;
    EXPECT_THAT(FindRemark(*other, "SPLIT_IGNORED")->text, HasSubstr("'4'"));
  }
  const auto one = Read({{"interactions.csv", Marked("split", "1", "1", "1")}});
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_NE(FindRemark(*one, "SPLIT_IGNORED"), nullptr);
  EXPECT_TRUE(FindRemark(*one, "SPLIT_IGNORED")->warning);
  // Named by the caller a column is what it is called.
  DatasetOptions options{.core = 0};
  options.columns.of(Role::kSplit) = "fold";
  EXPECT_THAT(PartsOf(Read({{"interactions.csv", Marked("fold", "0", "1", "2")}}, options)),
              ElementsAre(6, 2, 2));
  options.columns.of(Role::kSplit) = "is_test";
  EXPECT_THAT(PartsOf(Read({{"interactions.csv", Marked("is_test", "0", "0", "1")}}, options)),
              ElementsAre(8, 0, 2));
}

TEST(VariantsTest, MindsTestPartHasNoLabels) {
  const std::string news = "N1\tsports\tball\tOne\t\t\t[]\t[]\nN2\tsports\tball\tTwo\t\t\t[]\t[]\n";
  const auto dataset = Read({{"behaviors.tsv",
                              "1\tU1\t11/11/2019 9:05:58 AM\tN1 N2 N3\tN4 N5\n"
                              "2\tU2\t11/11/2019 9:06:58 AM\tN2 N3\tN1-1 N5-0\n"},
                             {"news.tsv", news}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "U1"), ElementsAre("N1", "N2", "N3"));
  EXPECT_THAT(SequenceIds(*dataset, "U2"), ElementsAre("N2", "N3", "N1"));
  ASSERT_NE(FindRemark(*dataset, "LABELS_MISSING"), nullptr);
  EXPECT_EQ(FindRemark(*dataset, "LABELS_MISSING")->count, 1);
}

std::string Utf32(const std::string& ascii, bool big_endian, bool mark) {
  std::string wide;
  const auto add = [&](std::string unit) {
    if (!big_endian) std::reverse(unit.begin(), unit.end());
    wide += unit;
  };
  if (mark) add({'\0', '\0', '\xFE', '\xFF'});
  for (const char c : ascii) add({'\0', '\0', '\0', c});
  return wide;
}

TEST(VariantsTest, Utf32) {
  for (const bool big_endian : {false, true}) {
    for (const bool mark : {false, true}) {
      const auto dataset = Read({{"interactions.csv", Utf32(kLog, big_endian, mark)},
                                 {"items.csv", Utf32(kItems, big_endian, mark)}});
      ASSERT_TRUE(dataset.ok()) << dataset.status();
      EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("a", "b", "c"));
      EXPECT_EQ(TitleOf(*dataset, "a"), "Alpha");
    }
  }
}

std::vector<std::string> ValuesOf(const Dataset& dataset, size_t item) {
  std::vector<std::string> values;
  for (const Attribute& attribute : dataset.items[item].attributes)
    values.push_back(attribute.key + "=" + attribute.value);
  return values;
}

TEST(VariantsTest, AListInOneQuotedCell) {
  const auto dataset = Read(
      {{"interactions.csv", kLog},
       {"items.csv", "item,title,kinds\na,Alpha,\"Tea, drink\"\nb,Beta,Tea\nc,Gamma,Coffee\n"}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(ValuesOf(*dataset, 0), ElementsAre("kinds=Tea", "kinds=drink"));
  EXPECT_THAT(ValuesOf(*dataset, 2), ElementsAre("kinds=Coffee"));
}

TEST(VariantsTest, ColumnsOfOnesAndZerosAreMarks) {
  const auto dataset =
      Read({{"interactions.csv", kLog},
            {"items.csv", "item,title,Action,Comedy\na,Alpha,1,0\nb,Beta,0,1\nc,Gamma,1,1\n"}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(ValuesOf(*dataset, 0), ElementsAre("action=yes"));
  EXPECT_THAT(ValuesOf(*dataset, 1), ElementsAre("comedy=yes"));
  EXPECT_THAT(ValuesOf(*dataset, 2), ElementsAre("action=yes", "comedy=yes"));
  ASSERT_NE(FindRemark(*dataset, "MARKS_READ"), nullptr);
  EXPECT_EQ(FindRemark(*dataset, "MARKS_READ")->count, 2);
}

TEST(VariantsTest, TimesInTwoColumnsMissingOrWithCommas) {
  const auto two = Read({{"interactions.csv",
                          "user,item,date,time\nu,a,2020-01-02,10:00\nu,b,2020-01-02,09:30:15\n"
                          "u,c,2020-01-01,11:00 PM\n"}});
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_THAT(SequenceIds(*two, "u"), ElementsAre("c", "b", "a"));
  const auto missing =
      Read({{"interactions.csv", "user,item,time\nu,a,3\nu,b,\nu,c,nan\nu,d,1\n"}});
  ASSERT_TRUE(missing.ok()) << missing.status();
  EXPECT_THAT(SequenceIds(*missing, "u"), ElementsAre("b", "c", "d", "a"));
  ASSERT_NE(FindRemark(*missing, "TIMES_MISSING"), nullptr);
  EXPECT_EQ(FindRemark(*missing, "TIMES_MISSING")->count, 2);
  const auto commas = Read({{"interactions.csv", "user;item;time\nu;a;1,5\nu;b;0,5\nu;c;2,5\n"}});
  ASSERT_TRUE(commas.ok()) << commas.status();
  EXPECT_THAT(SequenceIds(*commas, "u"), ElementsAre("b", "a", "c"));
}

TEST(VariantsTest, SpacesThatAreNotSeen) {
  const auto dataset =
      Read({{"interactions.csv", "user,item,time\nu,a\u00A0,1\nu,\uFEFFb,2\nu\u200B,\u3000c,3\n"},
            {"items.csv", kItems}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("a", "b", "c"));
  EXPECT_EQ(dataset->items.size(), 3U);
  ASSERT_NE(FindRemark(*dataset, "SPACES_TRIMMED"), nullptr);
  EXPECT_EQ(FindRemark(*dataset, "SPACES_TRIMMED")->count, 4);
}

TEST(VariantsTest, ColumnsThatAreNotUsedAreSaid) {
  const auto events = Read({{"interactions.csv",
                             "user,item,time,event_type,vote\nu,a,1,view,up\nu,b,2,view,down\n"
                             "u,c,3,purchase,up\n"}});
  ASSERT_TRUE(events.ok()) << events.status();
  const Remark* remark = FindRemark(*events, "COLUMNS_NOT_USED");
  ASSERT_NE(remark, nullptr);
  EXPECT_THAT(remark->text,
              HasSubstr("event_type, vote. Rows count alike, whatever their event_type"));
  EXPECT_TRUE(remark->warning);
  const auto used = Read({{"interactions.csv", kLog}});
  ASSERT_TRUE(used.ok()) << used.status();
  EXPECT_EQ(FindRemark(*used, "COLUMNS_NOT_USED"), nullptr);
}

TEST(VariantsTest, IdsWithinObjects) {
  const auto dataset = Read(
      {{"interactions.jsonl",
        "{\"user\":{\"$oid\":\"5f0c\"},\"item\":{\"id\":7},\"time\":{\"$numberLong\":\"2\"}}\n"
        "{\"user\":{\"$oid\":\"5f0c\"},\"item\":{\"id\":8},\"time\":{\"$numberLong\":\"1\"}}\n"}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "5f0c"), ElementsAre("8", "7"));
}

TEST(VariantsTest, ValuesAsLibrariesAndSpreadsheetsWriteThem) {
  DatasetOptions options{.core = 0};
  options.columns.of(Role::kTime) = "month";
  const auto dataset =
      Read({{"interactions.csv", "user,item,month\nu,a,2020-05\nu,b,2020-04\nu,c,2019-12\n"},
            {"items.csv",
             "item,title,tags,year,maker\na,Alpha,\"array(['x', 'y'], dtype=object)\",1990.0,N.A.\n"
             "b,Beta,\"array(['x'], dtype=object)\",1991.0,Crema\nc,Gamma,,,#REF!\n"}},
           options);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("c", "b", "a"));
  EXPECT_THAT(ValuesOf(*dataset, 0), ElementsAre("tag=x", "tag=y", "year=1990"));
  EXPECT_THAT(ValuesOf(*dataset, 1), ElementsAre("tag=x", "year=1991", "maker=Crema"));
  EXPECT_THAT(ValuesOf(*dataset, 2), ElementsAre());
}

TEST(VariantsTest, TitlesBesideTheInteractionsAreNotUsed) {
  const auto dataset =
      Read({{"log.csv", "user,item,title,time\nu,a,Alpha,1\nu,b,Beta,2\nu,c,Gamma,3\n"}});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const Remark* remark = FindRemark(*dataset, "COLUMNS_NOT_USED");
  ASSERT_NE(remark, nullptr);
  EXPECT_THAT(remark->text, HasSubstr("log.csv: title"));
}

// Longer than the pieces that are unpacked ahead, and let go of before its end.
TEST(VariantsTest, LongPackedFilesComeWhole) {
  const std::string folder = NewFolder();
  const gzFile gz = gzopen((folder + "/interactions.csv.gz").c_str(), "wb");
  std::string log = "user,item,time\n";
  constexpr int kUsers = 100'000;
  for (int user = 0; user < kUsers; ++user)
    absl::StrAppend(&log, "user-", user, ",item-", user % 50, ",", user, "\n");
  ASSERT_GT(gzwrite(gz, log.data(), static_cast<unsigned>(log.size())), 0);
  gzclose(gz);
  const auto dataset = ReadDataset(folder, Format::kAuto, {.core = 0});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ(dataset->users.size(), static_cast<size_t>(kUsers));
  EXPECT_THAT(SequenceIds(*dataset, "user-99999"), ElementsAre("item-49"));
  // Cut off late, it is refused.
  std::filesystem::resize_file(folder + "/interactions.csv.gz",
                               std::filesystem::file_size(folder + "/interactions.csv.gz") - 100);
  EXPECT_THAT(std::string(ReadDataset(folder, Format::kAuto).status().message()),
              HasSubstr("it is cut off"));
}

}  // namespace
}  // namespace recsae::probe
