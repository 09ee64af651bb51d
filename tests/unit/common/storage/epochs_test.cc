// Cursors of a store's own history, of another's, and of one that was restored from a copy.
#include "common/storage/epochs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae {
namespace {

class EpochsTest : public testing::Test {
 protected:
  std::string Directory(const std::string& name) {
    const std::string path = absl::StrCat(testing::TempDir(), "/epochs.", getpid(), ".", name);
    std::filesystem::remove_all(path);
    return path;
  }

  // Opens the store of `directory` at `revision`.
  static Epochs Begin(const std::string& directory, int64_t revision) {
    DatabaseOptions options;
    options.service = "test";
    const auto database = Database::Open(directory, options);
    EXPECT_TRUE(database.ok()) << database.status();
    return *Epochs::Begin(**database, revision);
  }

  static std::string Verdict(const absl::Status& status) {
    return status.ok() ? "OK" : Reason(status);
  }
};

TEST_F(EpochsTest, ACursorHoldsOverReopenings) {
  const std::string directory = Directory("a");
  const std::string first = Begin(directory, 0).current();
  const std::string second = Begin(directory, 50).current();
  const Epochs now = Begin(directory, 100);
  EXPECT_EQ(Verdict(now.Check(first, 50, 100)), "OK");
  EXPECT_EQ(Verdict(now.Check(first, 51, 100)), "STORE_CHANGED");
  EXPECT_EQ(Verdict(now.Check(second, 100, 100)), "OK");
  EXPECT_EQ(Verdict(now.Check(now.current(), 120, 120)), "OK");
  EXPECT_EQ(Verdict(now.Check(now.current(), 121, 120)), "STORE_CHANGED");
  EXPECT_EQ(Verdict(now.Check("", 120, 120)), "OK");
  EXPECT_EQ(Verdict(now.Check("", 121, 120)), "REVISION_UNKNOWN");
  EXPECT_EQ(Verdict(now.Check("another", 1, 120)), "STORE_CHANGED");
}

TEST_F(EpochsTest, ARestoredCopyDoesNotKnowWhatCameAfterIt) {
  const std::string directory = Directory("a");
  const std::string copy = Directory("b");
  const std::string before = Begin(directory, 0).current();
  std::filesystem::copy(directory, copy, std::filesystem::copy_options::recursive);
  const std::string after = Begin(directory, 50).current();
  // Whatever the revisions, and also where the copy's last epoch was open when it was taken.
  const Epochs restored = Begin(copy, 30);
  EXPECT_EQ(Verdict(restored.Check(after, 60, 1000)), "STORE_CHANGED");
  EXPECT_EQ(Verdict(restored.Check(before, 40, 1000)), "STORE_CHANGED");
  EXPECT_EQ(Verdict(restored.Check(before, 30, 1000)), "OK");
}

TEST_F(EpochsTest, KeepsTheNewest) {
  const std::string directory = Directory("a");
  DatabaseOptions options;
  options.service = "test";
  const auto database = Database::Open(directory, options);
  ASSERT_TRUE(database.ok()) << database.status();
  const std::string first = Epochs::Begin(**database, 0)->current();
  const std::string second = Epochs::Begin(**database, 1)->current();
  for (int i = 2; i < 64; ++i) ASSERT_TRUE(Epochs::Begin(**database, i).ok());
  const Epochs now = *Epochs::Begin(**database, 64);
  EXPECT_EQ(Verdict(now.Check(first, 0, 64)), "STORE_CHANGED");
  EXPECT_EQ(Verdict(now.Check(second, 2, 64)), "OK");
}

}  // namespace
}  // namespace recsae
