// Data sets as requests name them: options, what is refused, and what is kept in memory.
#include "services/probe/datasets/dataset_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "services/probe/datasets/readers.h"
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
        LocateOptions{.data_dirs = {std::filesystem::path(folder).parent_path().string()}},
        memory_);
  }

  absl::StatusOr<std::shared_ptr<const LoadedDataset>> Load() {
    return source_->Load(ref_, [] { return absl::OkStatus(); });
  }

  // `users` of `interactions` each, among 6,400 items.
  static v1::DatasetRef Planted(int users, int interactions) {
    v1::DatasetRef ref;
    ref.set_name("planted");
    ref.mutable_planted()->set_concept_count(64);
    ref.mutable_planted()->set_items_per_concept(100);
    ref.mutable_planted()->set_user_count(users);
    ref.mutable_planted()->set_interactions_per_user(interactions);
    return ref;
  }

  MemoryBudget memory_{int64_t{1} << 30};
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

TEST_F(DatasetSourceTest, WhatIsTooLargeIsRefusedBeforeItIsMade) {
  const absl::Status refused =
      source_->Load(Planted(1'000'000, 1'600), [] { return absl::OkStatus(); }).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(refused), "MEMORY_BUDGET");
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("lower planted.user_count or planted.interactions_per_user"));
  EXPECT_EQ(memory_.taken(), 0);
}

TEST_F(DatasetSourceTest, WhatIsKeptCountsAndIsGivenUp) {
  ASSERT_TRUE(Load().ok());
  EXPECT_GT(memory_.taken(), 0);
  EXPECT_LT(memory_.taken(), 10'000);
  EXPECT_TRUE(memory_.Take(memory_.limit(), "other work", "nothing").ok());
}

TEST_F(DatasetSourceTest, FilesLargerThanTheMemoryAreNotReadToTheirEnd) {
  const std::string folder = NewFolder("large");
  WriteFile(folder + "/items.csv", "item,title\na,A\n");
  std::string lines = "user,item\n";
  while (lines.size() < 4 << 20) lines += "u,a\n";
  WriteFile(folder + "/interactions.csv", lines);
  MemoryBudget small(16 << 20);
  DatasetSource source(
      LocateOptions{.data_dirs = {std::filesystem::path(folder).parent_path().string()}}, small);
  ref_.set_name("large");
  EXPECT_EQ(Reason(source.Load(ref_, [] { return absl::OkStatus(); }).status()), "MEMORY_BUDGET");
  EXPECT_EQ(small.taken(), 0);
}

TEST_F(DatasetSourceTest, WorkEndsWithItsCaller) {
  MemoryBudget large(int64_t{1} << 40);
  source_.emplace(LocateOptions(), large);
  int asked = 0;
  absl::Time gone;
  const absl::Status status = source_
                                  ->Load(Planted(1'000'000, 1000),  // a billion interactions
                                         [&] {
                                           if (++asked < 3) return absl::OkStatus();
                                           gone = absl::Now();
                                           return absl::CancelledError("gone");
                                         })
                                  .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(asked, 3);
  EXPECT_LT(absl::Now() - gone, absl::Milliseconds(100));
  EXPECT_EQ(large.taken(), 0);
}

TEST_F(DatasetSourceTest, TwoAreMadeAtATime) {
  constexpr int kCallers = 6;
  MemoryBudget large(int64_t{1} << 40);
  source_.emplace(LocateOptions(), large);
  std::mutex mutex;
  std::vector<int> asked(kCallers);
  int64_t most = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      const auto until_all_have_asked = [&] {
        const std::lock_guard<std::mutex> lock(mutex);
        ++asked[i];
        most = std::max(most, large.taken());
        const bool all = std::all_of(asked.begin(), asked.end(), [](int n) { return n >= 3; });
        return all ? absl::CancelledError("") : absl::OkStatus();
      };
      source_->Load(Planted(1'000'000 - i, 1000), until_all_have_asked).IgnoreError();
    });
  }
  for (std::thread& caller : callers) caller.join();
  const int64_t one = PlantedBytes({.users = 1'000'000, .items = 6400, .max_length = 1500});
  EXPECT_GT(most, one);
  EXPECT_LE(most, 2 * one);
  EXPECT_EQ(large.taken(), 0);
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
