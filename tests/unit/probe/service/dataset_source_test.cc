// Data sets as requests name them: options, what is refused, and what is kept in memory.
#include "services/probe/datasets/dataset_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>

#include "tests/unit/probe/datasets/files.h"

namespace recsae::probe {
namespace {

using testing::HasSubstr;

class DatasetSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string folder = NewFolder("shop");
    WriteFile(folder + "/items.csv", "item,title\na,A\nb,B\nc,C\n");
    WriteFile(folder + "/interactions.csv",
              "user,item,rating\nu,a,5\nu,b,4\nu,c,2\nv,a,5\nv,b,5\nw,c,5\n");
    ref_.set_name("shop");
    source_.emplace(
        LocateOptions{.data_dirs = {std::filesystem::path(folder).parent_path().string()}});
  }

  absl::StatusOr<std::shared_ptr<const LoadedDataset>> Load() {
    return source_->Load(ref_, [] { return absl::OkStatus(); });
  }

  v1::DatasetRef ref_;
  std::optional<DatasetSource> source_;
};

TEST_F(DatasetSourceTest, OtherOptionsAreAnotherDataSet) {
  const auto own = Load();
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_EQ(CountInteractions((*own)->data), 5);
  ref_.mutable_options()->set_positive_threshold(1);
  const auto all = Load();
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(CountInteractions((*all)->data), 6);
  ref_.mutable_options()->set_core(2);
  const auto core = Load();
  ASSERT_TRUE(core.ok()) << core.status();
  EXPECT_EQ((*core)->data.users.size(), 2);
  ref_.clear_options();
  const auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(CountInteractions((*again)->data), 5);
}

TEST_F(DatasetSourceTest, TheSameOptionsAreReadOnce) {
  ref_.mutable_options()->set_core(2);
  const auto first = Load(), second = Load();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, *second);
}

TEST_F(DatasetSourceTest, ViolationsAreListed) {
  v1::DatasetOptions& options = *ref_.mutable_options();
  options.set_core(-1);
  options.set_positive_threshold(std::numeric_limits<double>::quiet_NaN());
  options.set_split(static_cast<v1::DatasetOptions::SplitMode>(9));
  const absl::Status status = Load().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* field : {"core", "positive_threshold", "split"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("dataset.options.") + field));
  }
  options.Clear();
  options.set_split(v1::DatasetOptions::SPLIT_MODE_GIVEN);
  options.set_core(5);
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("dataset.options.core"));
  ref_.set_name("planted");
  options.clear_core();
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("dataset.options: must be unset"));
}

TEST_F(DatasetSourceTest, WhatTheFilesCannotGiveIsRefused) {
  ref_.mutable_options()->set_split(v1::DatasetOptions::SPLIT_MODE_GIVEN);
  EXPECT_EQ(Reason(Load().status()), "DATASET_SPLIT_UNKNOWN");
}

}  // namespace
}  // namespace recsae::probe
