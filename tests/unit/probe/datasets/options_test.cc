// What is made of the files' interactions: thresholds, cores and splits, by format and by option.
#include "services/probe/datasets/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/datasets/findings.h"
#include "services/probe/datasets/log.h"
#include "services/probe/datasets/readers.h"
#include "tests/unit/probe/datasets/files.h"

namespace recsae::probe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

absl::StatusOr<Dataset> Read(const std::string& folder, const DatasetOptions& options) {
  return ReadDataset(folder, Format::kAuto, options);
}

// Users u and v like a, b, c; w likes a alone. User v gave b a 3.
void WriteCsv(const std::string& folder) {
  WriteFile(folder + "/items.csv", "item,title\na,A\nb,B\nc,C\nd,D\n");
  WriteFile(folder + "/interactions.csv",
            "user,item,time,rating,split\nu,a,1,5,train\nu,b,2,4,test\nu,c,3,4,train\n"
            "v,a,1,5,train\nv,b,2,3,dev\nv,c,3,4,train\nw,a,1,5,train\n");
}

TEST(OptionsTest, UnsetIsTheFormatsOwnRule) {
  const std::string folder = NewFolder();
  WriteCsv(folder);
  const auto dataset = Read(folder, {});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "v"), ElementsAre("a", "c"));
  EXPECT_THAT(SequenceIds(*dataset, "w"), ElementsAre("a"));
  EXPECT_EQ(dataset->items.size(), 4);
  EXPECT_THAT(dataset->test, ElementsAre(Case{0, 2}));  // the column: b, after a and c
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("a", "c", "b"));
  EXPECT_THAT(dataset->train_length, ElementsAre(2, 2, 1));
}

TEST(OptionsTest, ThresholdMovesWhatCounts) {
  const std::string folder = NewFolder();
  WriteCsv(folder);
  const auto lower = Read(folder, {.positive_threshold = 3});
  ASSERT_TRUE(lower.ok()) << lower.status();
  EXPECT_THAT(SequenceIds(*lower, "v"), ElementsAre("a", "c", "b"));  // b is held out
  const auto higher = Read(folder, {.positive_threshold = 4.5});
  ASSERT_TRUE(higher.ok()) << higher.status();
  EXPECT_THAT(SequenceIds(*higher, "u"), ElementsAre("a"));
}

TEST(OptionsTest, CoreDropsUsersAndItems) {
  const std::string folder = NewFolder();
  WriteCsv(folder);
  const auto dataset = Read(folder, {.core = 2});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  // w falls, then nothing else of a and c; b is liked by u alone and falls, d by nobody.
  EXPECT_THAT(dataset->users, ElementsAre("u", "v"));
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("a", "c"));
  EXPECT_EQ(dataset->items.size(), 2);
}

TEST(OptionsTest, GivenSplitIsTheColumn) {
  const std::string folder = NewFolder();
  WriteCsv(folder);
  const auto dataset = Read(folder, {.positive_threshold = 1, .split = SplitMode::kGiven});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT(SequenceIds(*dataset, "u"), ElementsAre("a", "c", "b"));
  EXPECT_THAT(dataset->train_length, ElementsAre(2, 2, 1));
  EXPECT_THAT(dataset->dev, ElementsAre(Case{1, 2}));
  EXPECT_THAT(dataset->test, ElementsAre(Case{0, 2}));
}

TEST(OptionsTest, GivenSplitCanBeLeftForLeaveOneOut) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/item_meta.csv", "item_id\ttitle\n1\tA\n2\tB\n3\tC\n");
  WriteFile(folder + "/train.csv", "user_id\titem_id\ttime\nu\t1\t5\nu\t2\t6\n");
  WriteFile(folder + "/dev.csv", "user_id\titem_id\ttime\n");
  WriteFile(folder + "/test.csv", "user_id\titem_id\ttime\nu\t3\t1\n");
  const auto given = Read(folder, {});
  ASSERT_TRUE(given.ok()) << given.status();
  EXPECT_THAT(given->dev, IsEmpty());
  EXPECT_THAT(given->test, ElementsAre(Case{0, 2}));
  const auto left = Read(folder, {.split = SplitMode::kLeaveOneOut});
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_THAT(left->dev, ElementsAre(Case{0, 1}));
  EXPECT_THAT(left->test, ElementsAre(Case{0, 2}));
}

TEST(OptionsTest, WhatTheFilesCannotGiveIsRefused) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/items.csv", "item,title\na,A\n");
  WriteFile(folder + "/interactions.csv", "user,item\nu,a\n");
  EXPECT_EQ(Reason(Read(folder, {.split = SplitMode::kGiven}).status()), "DATASET_SPLIT_UNKNOWN");
  EXPECT_EQ(Reason(Read(folder, {.positive_threshold = 4}).status()), "DATASET_RATINGS_UNKNOWN");
  EXPECT_EQ(Reason(Read(folder, {.core = 2}).status()), "DATASET_EMPTY");
  WriteCsv(folder);
  const auto core = Read(folder, {.core = 2, .split = SplitMode::kGiven});
  EXPECT_EQ(Reason(core.status()), "DATASET_OPTIONS_INVALID");
  EXPECT_THAT(std::string(core.status().message()), HasSubstr("leave-one-out"));
}

TEST(OptionsTest, SplitThatIsNoneIsMalformed) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/items.csv", "item,title\na,A\n");
  WriteFile(folder + "/interactions.csv", "user,item,split\nu,a,elsewhere\n");
  EXPECT_THAT(std::string(Read(folder, {}).status().message()),
              HasSubstr("interactions.csv:2: split 'elsewhere'"));
}

TEST(FindingsTest, WhatAHostToldIsNotChangedByFlags) {
  for (const SplitBy by : {SplitBy::kFiles, SplitBy::kHost}) {
    InteractionLog log;
    log.dataset.items = {{"a", "a", {}}, {"b", "b", {}}};
    log.dataset.users = {"u"};
    log.dataset.sequences = {{0, 1, 0}};
    log.dataset.train_length = {2};
    log.dataset.test = {{0, 2}};
    NoteSplit(by, &log);
    ASSERT_FALSE(log.remarks.empty());
    EXPECT_EQ(log.remarks[0].code, "TEST_ITEMS_SEEN");
    EXPECT_EQ(log.remarks[0].text.find("--repeats") != std::string::npos, by == SplitBy::kFiles);
  }
}

}  // namespace
}  // namespace recsae::probe
