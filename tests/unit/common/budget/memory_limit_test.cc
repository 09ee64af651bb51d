// The limit of the container is found, whichever version of control groups says it.
#include "common/budget/memory_limit.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/budget/bytes.h"

namespace recsae {
namespace {

class MemoryLimitTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = absl::StrCat(testing::TempDir(), "/memory-limit-",
                         testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(root_);
    Write("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree:  1 kB\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }

  std::string root_;
};

TEST_F(MemoryLimitTest, WithoutAGroupTheMachineCounts) {
  EXPECT_EQ(AvailableMemory(root_), 16 * kGib);
  EXPECT_EQ(DefaultMemoryLimit(root_), 12 * kGib);
}

TEST_F(MemoryLimitTest, Version2TakesTheLeastOfTheGroupAndItsParents) {
  Write("/proc/self/cgroup", "0::/pods/probe\n");
  Write("/sys/fs/cgroup/pods/memory.max", "4294967296\n");
  Write("/sys/fs/cgroup/pods/probe/memory.max", "max\n");
  EXPECT_EQ(AvailableMemory(root_), 4 * kGib);
}

TEST_F(MemoryLimitTest, InsideAContainerTheMountIsTheGroup) {
  Write("/proc/self/cgroup", "0::/kubepods/not/here\n");
  Write("/sys/fs/cgroup/memory.max", "536870912\n");
  EXPECT_EQ(AvailableMemory(root_), kGib / 2);
}

TEST_F(MemoryLimitTest, Version1) {
  Write("/proc/self/cgroup", "7:cpu,cpuacct:/x\n5:memory:/docker/1\n");
  Write("/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "1073741824\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(AvailableMemory(root_), kGib);
}

TEST_F(MemoryLimitTest, NothingReadable) {
  std::filesystem::remove_all(root_);
  EXPECT_EQ(AvailableMemory(root_), 0);
  EXPECT_EQ(DefaultMemoryLimit(root_), kGib);
}

}  // namespace
}  // namespace recsae
