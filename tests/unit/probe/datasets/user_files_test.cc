// Files as people have them: each class of trouble is read as meant, or said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "services/probe/datasets/readers.h"
#include "tests/unit/probe/datasets/files.h"

namespace recsae::probe {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kItems[] = "item,title,category\na,Alpha,Tea\nb,Beta,Tea\nc,Gamma,Coffee\n";
constexpr char kLog[] = "user,item,time\nu,a,1\nu,b,2\nu,c,3\nv,c,1\nv,a,2\nv,b,3\n";

// A data set of these two files; what is wrong shows in the test.
Dataset ReadFiles(const std::string& interactions, const std::string& items = kItems,
                  const DatasetOptions& options = {}) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/interactions.csv", interactions);
  WriteFile(folder + "/items.csv", items);
  absl::StatusOr<Dataset> dataset = ReadDataset(folder, Format::kAuto, options);
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  return dataset.ok() ? *std::move(dataset) : Dataset();
}

absl::Status Refused(const std::string& interactions, const std::string& items = kItems,
                     const DatasetOptions& options = {}) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/interactions.csv", interactions);
  WriteFile(folder + "/items.csv", items);
  return ReadDataset(folder, Format::kAuto, options).status();
}

int64_t CountOf(const Dataset& dataset, const std::string& code) {
  const Remark* remark = FindRemark(dataset, code);
  return remark == nullptr ? 0 : remark->count;
}

// Whatever changes how the files are written changes nothing in what is read.
void ExpectPlain(const Dataset& dataset) {
  EXPECT_EQ(FingerprintOf(dataset), FingerprintOf(ReadFiles(kLog)));
  EXPECT_EQ(dataset.malformed_lines, 0);
}

std::string In(std::string text, const std::string& from, const std::string& to) {
  return absl::StrReplaceAll(text, {{from, to}});
}

std::string Utf16(const std::string& ascii, bool mark) {
  std::string wide = mark ? "\xFF\xFE" : "";
  for (const char c : ascii) wide += {c, '\0'};
  return wide;
}

TEST(EncodingsTest, FilesInOtherEncodingsAreReadAlike) {
  ExpectPlain(ReadFiles("\xEF\xBB\xBF" + std::string(kLog), "\xEF\xBB\xBF" + std::string(kItems)));
  ExpectPlain(ReadFiles(Utf16(kLog, true), Utf16(kItems, true)));
  ExpectPlain(ReadFiles(Utf16(kLog, false), Utf16(kItems, false)));
  ExpectPlain(ReadFiles(std::string(kLog) + "\x1A", std::string(kItems) + "\r\n\x1A\r\n\r\n"));
}

TEST(EncodingsTest, IdsBecomeValidUtf8AndStayUnique) {
  const Dataset dataset =
      ReadFiles("user,item,time\nJos\xE9,caf\xE9,1\nJos\xE9,b\xED\xA0\x80,2\nJos\xE9,b\xC0\xAF,3\n",
                "item,title\ncaf\xE9,Caf\xE9\n");
  EXPECT_EQ(dataset.users[0], "Jos\u00E9");
  EXPECT_THAT(SequenceIds(dataset, "Jos\u00E9")[0], "caf\u00E9");
  ASSERT_EQ(dataset.items.size(), 3);
  for (const Item& item : dataset.items) EXPECT_TRUE(IsUtf8(item.id)) << item.id;
  EXPECT_NE(dataset.items[1].id, dataset.items[2].id);
  EXPECT_EQ(dataset.items[0].title, "Caf\u00E9");
  EXPECT_GE(CountOf(dataset, "TEXT_CONVERTED"), 6);
}

TEST(EncodingsTest, TwoIdsThatBecomeOneAreSaid) {
  const Dataset dataset = ReadFiles("user,item,time\nu,caf\xE9,1\nu,caf\u00E9,2\nu,a,3\n");
  EXPECT_EQ(CountOf(dataset, "IDS_MERGED"), 1);
  EXPECT_TRUE(FindRemark(dataset, "IDS_MERGED")->warning);
}

TEST(DelimitersTest, AllThatPartsFields) {
  for (const char* delimiter : {";", "\t", "|", "::", ", "}) {
    ExpectPlain(ReadFiles(In(kLog, ",", delimiter), In(kItems, ",", delimiter)));
  }
}

TEST(DelimitersTest, EndsOfLines) {
  ExpectPlain(ReadFiles(In(kLog, "\n", "\r\n"), In(kItems, "\n", "\r\n")));
  ExpectPlain(ReadFiles(In(kLog, "\n", "\r"), In(kItems, "\n", "\r")));
  ExpectPlain(ReadFiles(In(kLog, "\n", "\n\n")));
  std::string trailing = In(kLog, "\n", ",\n");
  trailing.replace(trailing.find(",\n"), 2, "\n");  // not in the header line
  ExpectPlain(ReadFiles(trailing));
  ExpectPlain(ReadFiles(In(kLog, "\n", ",\n")));
  std::string header = kLog;
  ExpectPlain(ReadFiles(header.insert(header.find('\n'), ",")));
}

TEST(DelimitersTest, PandasIndexAndRepeatedHeaders) {
  ExpectPlain(ReadFiles(",user,item,time\n0,u,a,1\n1,u,b,2\n2,u,c,3\n3,v,c,1\n4,v,a,2\n5,v,b,3\n",
                        ",item,title,category\n0,a,Alpha,Tea\n1,b,Beta,Tea\n2,c,Gamma,Coffee\n"));
  const Dataset parts = ReadFiles(
      "user,item,time\nu,a,1\nu,b,2\nu,c,3\n\xEF\xBB\xBFuser,item,time\nv,c,1\nv,a,2\nv,b,3\n");
  ExpectPlain(parts);
  EXPECT_EQ(CountOf(parts, "HEADERS_REPEATED"), 1);
}

TEST(QuotesTest, LinesAndQuotesWithinFields) {
  const Dataset dataset =
      ReadFiles(kLog,
                "item,title,category\na,\"Two\nlines, "
                "\"\"quoted\"\"\n\",Tea\nb,\"Back\\\"slash\",Tea\nc, \"Spaced\",Coffee\n");
  EXPECT_EQ(dataset.items[0].title, "Two lines, \"quoted\"");
  EXPECT_EQ(dataset.items[1].title, "Back\"slash");
  EXPECT_EQ(dataset.items[2].title, "Spaced");
  EXPECT_EQ(dataset.malformed_lines, 0);
}

TEST(QuotesTest, AQuoteThatNeverClosesSpoilsItsOwnLineAlone) {
  std::string items = "item,title\nx,\"open\n";
  for (int i = 0; i < 300; ++i) absl::StrAppend(&items, "i", i, ",Item ", i, "\n");
  const Dataset dataset = ReadFiles(kLog, items);
  EXPECT_EQ(dataset.malformed_lines, 1);
  EXPECT_EQ(dataset.items[299].title, "Item 299");
}

TEST(IdsTest, DecimalsOfPandasAndSpaces) {
  const Dataset dataset = ReadFiles("user,item,time\n7.0,1.0,1\n7,2.0, 2\n 7 ,3,3\n",
                                    "item,title\n1,One\n2,Two\n3,Three\n");
  EXPECT_THAT(dataset.users, ElementsAre("7"));
  EXPECT_THAT(SequenceIds(dataset, "7"), ElementsAre("1", "2", "3"));
  EXPECT_EQ(CountOf(dataset, "FLOAT_IDS"), 3);
  EXPECT_EQ(CountOf(dataset, "SPACES_TRIMMED"), 1);
  EXPECT_EQ(FindRemark(dataset, "ITEMS_DESCRIBED"), nullptr);
}

TEST(IdsTest, ItemsThatTheCatalogueLacksAreCounted) {
  const Remark* remark =
      FindRemark(ReadFiles("user,item,time\nu,a,1\nu,B1,2\nu,B2,3\n"), "ITEMS_DESCRIBED");
  const Dataset dataset = ReadFiles("user,item,time\nu,a,1\nu,B1,2\nu,B2,3\n");
  remark = FindRemark(dataset, "ITEMS_DESCRIBED");
  ASSERT_NE(remark, nullptr);
  EXPECT_EQ(remark->count, 2);
  EXPECT_TRUE(remark->warning);
  EXPECT_THAT(remark->text, HasSubstr("1 of 3 interacted items"));
  EXPECT_THAT(remark->examples, ElementsAre("B1", "B2"));
}

TEST(RepeatsTest, DuplicatesRepeatsAndTheirOptions) {
  const std::string log = "user,item,time\nu,a,1\nu,a,1\nu,b,2\nu,a,3\nu,c,4\n";
  const Dataset kept = ReadFiles(log);
  EXPECT_THAT(SequenceIds(kept, "u"), ElementsAre("a", "b", "a", "c"));
  EXPECT_EQ(CountOf(kept, "DUPLICATES_DROPPED"), 1);
  const Dataset dropped = ReadFiles(log, kItems, {.repeats = RepeatMode::kDrop});
  EXPECT_THAT(SequenceIds(dropped, "u"), ElementsAre("a", "b", "c"));
  EXPECT_EQ(CountOf(dropped, "REPEATS_DROPPED"), 2);
  // Without times rows that are equal are duplicates, unless it is said otherwise.
  const std::string timeless = "user,item\nu,a\nu,b\nu,a\nu,c\n";
  EXPECT_THAT(SequenceIds(ReadFiles(timeless), "u"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(SequenceIds(ReadFiles(timeless, kItems, {.repeats = RepeatMode::kKeep}), "u"),
              ElementsAre("a", "b", "a", "c"));
}

TEST(RepeatsTest, TestItemsOfTrainingAreCounted) {
  const Dataset dataset = ReadFiles("user,item,time\nu,a,1\nu,b,2\nu,a,3\nv,a,1\nv,b,2\nv,c,3\n");
  EXPECT_EQ(dataset.test_seen, 1);
  EXPECT_THAT(FindRemark(dataset, "TEST_ITEMS_SEEN")->text, HasSubstr("1 of 2 test rows (50 %)"));
  EXPECT_EQ(ReadFiles(kLog).test_seen, 0);
}

std::string Rated(const std::vector<std::string>& ratings) {
  std::string log = "user,item,time,rating\n";
  for (size_t i = 0; i < ratings.size(); ++i)
    absl::StrAppend(&log, "u,i", i, ",", i, ",", ratings[i], "\n");
  return log;
}

TEST(ScalesTest, WhatCountsFollowsTheScale) {
  const auto kept = [](const std::vector<std::string>& ratings) {
    return CountInteractions(ReadFiles(Rated(ratings)));
  };
  EXPECT_EQ(kept({"1", "3.5", "4", "5"}), 2);
  EXPECT_EQ(kept({"1", "4", "7", "8", "10"}), 2);
  EXPECT_EQ(kept({"0", "1", "1"}), 2);
  EXPECT_EQ(kept({"-1", "1"}), 1);
  EXPECT_EQ(kept({"true", "false"}), 1);
  EXPECT_EQ(kept({"1", "1", "1"}), 3);
  EXPECT_EQ(kept({"5", "60", "80", "100"}), 2);
  EXPECT_EQ(kept({"0.1", "0.5", "0.8", "1"}), 2);
  EXPECT_EQ(kept({"1", "2", "3"}), 1);
  EXPECT_EQ(kept({"1", "5", "6", "7"}), 2);
  EXPECT_EQ(kept({"1", "17", "4000"}), 3) << "counts are no scale";
  EXPECT_THAT(FindRemark(ReadFiles(Rated({"1", "4", "8", "10"})), "RATING_THRESHOLD")->text,
              HasSubstr("from 1 to 10: 8 and more"));
}

TEST(ScalesTest, MissingRatingsAreLeftOutAndCounted) {
  const Dataset dataset = ReadFiles(Rated({"5", "", "nan", "4"}));
  EXPECT_EQ(CountInteractions(dataset), 2);
  EXPECT_EQ(CountOf(dataset, "RATINGS_MISSING"), 2);
}

TEST(ScalesTest, NothingLeftSaysWhy) {
  const absl::Status refused = Refused(Rated({"1", "2"}), kItems, {.positive_threshold = 4});
  EXPECT_EQ(Reason(refused), "DATASET_EMPTY");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("2 rows rated below 4"));
  EXPECT_THAT(std::string(Refused("user,item,time\n").message()),
              HasSubstr("have no row of interactions"));
  EXPECT_THAT(std::string(Refused("user,item,label\nu,a,0\nu,b,0\n").message()),
              HasSubstr("label 0"));
}

TEST(LabelsTest, WhatWasShownAndNotChosenIsNoInteraction) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/item_meta.csv", "item_id\ttitle\n1\tA\n2\tB\n3\tC\n4\tD\n");
  WriteFile(folder + "/train.csv", "user_id\titem_id\ttime\tlabel\nu\t1\t1\t1\nu\t4\t1\t0\n");
  WriteFile(folder + "/valid.csv", "user_id\titem_id\ttime\tlabel\nu\t2\t2\t1\n");
  WriteFile(folder + "/test.csv", "user_id\titem_id\ttime\tlabel\nu\t3\t3\t1\nu\t4\t3\t0\n");
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("1", "2", "3"));
  EXPECT_THAT(dataset->dev, ElementsAre(Case{0, 1}));
  EXPECT_THAT(dataset->test, ElementsAre(Case{0, 2}));
  EXPECT_EQ(CountOf(*dataset, "NEGATIVES_DROPPED"), 2);
}

TEST(SplitsTest, ColumnIsHonouredUnderAnyName) {
  for (const char* dev : {"dev", "valid", "val", "Validation", "eval"}) {
    const Dataset dataset =
        ReadFiles(absl::StrCat("user,item,split\nu,a,train\nu,b,", dev, "\nu,c,TEST\nv,a,train\n"));
    EXPECT_THAT(dataset.train_length, ElementsAre(1, 1)) << dev;
    EXPECT_THAT(dataset.test, ElementsAre(Case{0, 2}));
  }
  const Dataset core = ReadFiles("user,item,split\nu,a,train\nu,b,test\nv,a,train\nv,b,train\n",
                                 kItems, {.core = 2});
  EXPECT_TRUE(FindRemark(core, "SPLIT_IGNORED")->warning);
}

TEST(SplitsTest, UsersTooShortOrWithoutTrainingAreSaid) {
  EXPECT_EQ(CountOf(ReadFiles(absl::StrCat(kLog, "w,a,1\nw,b,2\n")), "USERS_SHORT"), 1);
  const Dataset none = ReadFiles("user,item\nu,a\nv,b\nv,c\n");
  EXPECT_TRUE(none.test.empty());
  EXPECT_TRUE(FindRemark(none, "NO_TEST_ROWS")->warning);
  const Dataset strangers = ReadFiles("user,item,split\nu,a,train\nu,b,test\nv,b,test\n");
  EXPECT_THAT(FindRemark(strangers, "USERS_WITHOUT_TRAINING")->examples, ElementsAre("v"));
  EXPECT_EQ(CountOf(strangers, "TEST_ITEMS_UNTRAINED"), 2);
  EXPECT_EQ(CountOf(strangers, "FEW_CANDIDATES"), 2);
}

// Twenty items with one more column.
std::vector<Attribute> AttributesOf(const std::string& column,
                                    const std::function<std::string(int)>& cell, int item = 0) {
  std::string items = absl::StrCat("item,title,", column, "\n");
  for (int i = 0; i < 20; ++i) absl::StrAppend(&items, "i", i, ",Item ", i, ",\"", cell(i), "\"\n");
  return ReadFiles("user,item\nu,i0\nu,i1\nu,i2\n", items)
      .items[static_cast<size_t>(item)]
      .attributes;
}

TEST(AttributesTest, ColumnsThatAreNoneAreLeftOut) {
  EXPECT_THAT(AttributesOf("Unnamed: 0", [](int i) { return absl::StrCat(i % 2); }), IsEmpty());
  EXPECT_THAT(AttributesOf("sku", [](int i) { return absl::StrCat("S", i); }), IsEmpty());
  EXPECT_THAT(AttributesOf("cost_eur", [](int i) { return absl::StrCat("$", i, ".99"); }),
              IsEmpty());
  EXPECT_THAT(AttributesOf("stock", [](int i) { return absl::StrCat(100 + i * 7); }), IsEmpty());
  EXPECT_THAT(
      AttributesOf("picture", [](int i) { return absl::StrCat("https://x.example/", i % 3); }),
      IsEmpty());
  EXPECT_THAT(
      AttributesOf("about", [](int i) { return std::string(200, static_cast<char>('a' + i % 3)); }),
      IsEmpty());
  EXPECT_THAT(AttributesOf("added", [](int i) { return absl::StrCat("2020-01-", 10 + i); }),
              IsEmpty());
  EXPECT_THAT(AttributesOf("kind", [](int i) { return i % 2 == 0 ? "Tea" : "Coffee"; }),
              ElementsAre(Attribute{"kind", "Tea"}));
  EXPECT_THAT(AttributesOf("shelf", [](int i) { return absl::StrCat(i % 4); }),
              ElementsAre(Attribute{"shelf", "0"}));
}

TEST(AttributesTest, CallerSaysOtherwise) {
  std::string items = "item,title,sku,kind\n";
  for (int i = 0; i < 20; ++i) absl::StrAppend(&items, "i", i, ",Item,S", i, ",Tea\n");
  DatasetOptions options;
  options.columns.attributes = {"SKU"};
  EXPECT_THAT(ReadFiles("user,item\nu,i0\n", items, options).items[0].attributes,
              ElementsAre(Attribute{"sku", "S0"}));
}

TEST(AttributesTest, ValuesArePartedAndEmptyOnesSkipped) {
  const std::vector<Attribute> both = {{"genre", "Tea"}, {"genre", "Food"}};
  for (const char* cell :
       {"['Tea', 'Food']", "Tea|Food", "Tea, Food", "Tea; Food", "Tea/Food", "[Tea, Food]"}) {
    const std::string text = cell;
    EXPECT_EQ(AttributesOf("genres",
                           [&](int i) { return i % 2 == 0 ? text : In(text, "Tea", "Cheese"); }),
              both)
        << cell;
  }
  EXPECT_THAT(AttributesOf("brand", [](int i) { return i % 2 == 0 ? "Leaf & Co, Inc" : "Crema"; }),
              ElementsAre(Attribute{"brand", "Leaf & Co, Inc"}));
  for (const char* missing : {"", "nan", "None", "\\N", "null"}) {
    EXPECT_THAT(AttributesOf("kind",
                             [&](int i) {
                               return i == 0 ? missing : i % 2 == 0 ? "Tea" : "Coffee";
                             }),
                IsEmpty())
        << missing;
  }
}

TEST(TitlesTest, MissingOnesAndMarkup) {
  const Dataset dataset = ReadFiles(kLog, "item,title\na,\nb,nan\nc,Salt &amp; <i>Pepper</i>\n");
  EXPECT_EQ(dataset.items[0].title, "a");
  EXPECT_EQ(dataset.items[1].title, "b");
  EXPECT_EQ(dataset.items[2].title, "Salt & Pepper");
  EXPECT_EQ(CountOf(dataset, "TITLES_MISSING"), 2);
  EXPECT_EQ(CountOf(dataset, "MARKUP_REMOVED"), 1);
  EXPECT_TRUE(FindRemark(ReadFiles(kLog, "item,kind\na,Tea\n"), "TITLES_UNKNOWN")->warning);
}

TEST(ColumnsTest, NamedOnesAndTheirErrors) {
  DatasetOptions options;
  options.columns.of(Role::kUser) = "who";
  options.columns.of(Role::kItem) = "what";
  options.columns.of(Role::kTime) = "when_";
  ExpectPlain(
      ReadFiles(In(In(In(kLog, "user", "who"), "item", "what"), "time", "when_"), kItems, options));
  const absl::Status unknown = Refused("who,what\nu,a\n");
  EXPECT_EQ(Reason(unknown), "DATASET_COLUMN_UNKNOWN");
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("its columns are who, what"));
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("user_id"));
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("--columns user="));
  options.columns.of(Role::kTime) = "nope";
  EXPECT_THAT(std::string(Refused(In(kLog, "user,item", "who,what"), kItems, options).message()),
              HasSubstr("no column 'nope'"));
}

TEST(ColumnsTest, NumbersStandForFilesWithoutHeader) {
  DatasetOptions options;
  options.columns.of(Role::kUser) = "1";
  options.columns.of(Role::kItem) = "2";
  options.columns.of(Role::kTime) = "3";
  std::string bare = kLog;
  bare.erase(0, bare.find('\n') + 1);
  ExpectPlain(ReadFiles(bare, kItems, options));
}

TEST(PackedTest, GzipAndZstandard) {
  const std::string folder = NewFolder();
  gzFile gz = gzopen((folder + "/interactions.csv.gz").c_str(), "wb");
  gzwrite(gz, kLog, static_cast<unsigned>(sizeof(kLog) - 1));
  gzclose(gz);
  std::string packed(1000, '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), kItems, sizeof(kItems) - 1, 3));
  WriteFile(folder + "/items.csv.zst", packed);
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  WriteFile(folder + "/items.csv.zst", packed.substr(0, packed.size() / 2));
  EXPECT_EQ(Reason(ReadDataset(folder).status()), "DATASET_MALFORMED");
  ExpectPlain(*dataset);
}

}  // namespace
}  // namespace recsae::probe
