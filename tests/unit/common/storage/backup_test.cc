// Backups of stores that are written to meanwhile, and what is restored of them.
#include "common/storage/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/status.h"
#include "common/storage/database.h"
#include "common/storage/epochs.h"
#include "common/storage/marker.h"
#include "common/storage/store_group.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class BackupTest : public ::testing::Test {
 protected:
  BackupTest()
      : root_(absl::StrCat(::testing::TempDir(), "backup-", getpid(), "-",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(root_);
    OpenStores(data());
    backups_.emplace(group_, Options());
  }
  ~BackupTest() override {
    first_.reset();
    second_.reset();
    fs::remove_all(root_);
  }

  std::string data() const { return root_ + "/data"; }
  std::string folder() const { return root_ + "/backups"; }
  BackupOptions Options() const {
    return {.folder = folder(),
            .data_dir = data(),
            .program = "recsae-test",
            .version = "1",
            .bytes_per_second = 0,
            .kept = 3};
  }

  static std::unique_ptr<Database> OpenStore(const std::string& path, StoreGroup* group) {
    DatabaseOptions options;
    options.service = "test";
    options.families = {{"rows", true}};
    options.environment.group = group;
    auto database = Database::Open(path, options);
    EXPECT_TRUE(database.ok()) << database.status();
    return *std::move(database);
  }
  void OpenStores(const std::string& data) {
    first_ = OpenStore(data + "/first", &group_);
    second_ = OpenStore(data + "/second", &group_);
  }

  BackupRecord Create() {
    auto made = backups_->Create(nullptr);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? made->backup : BackupRecord();
  }
  std::string Restore(const BackupRecord& backup) {
    const std::string to = absl::StrCat(root_, "/restored-", ++restored_);
    EXPECT_EQ(RestoreBackup(folder(), backup, to), absl::OkStatus());
    return to;
  }
  static int64_t Number(Database& database) {
    const auto value = database.Get("rows", "number");
    int64_t number = -1;
    return value.ok() && absl::SimpleAtoi(*value, &number) ? number : -1;
  }
  // A file that only holds bytes of tables.
  std::string SomeTable() const {
    for (const auto& entry : fs::recursive_directory_iterator(folder())) {
      if (entry.path().extension() == ".sst" && entry.file_size() > 500) return entry.path();
    }
    return "";
  }

  const std::string root_;
  StoreGroup group_;
  std::unique_ptr<Database> first_;
  std::unique_ptr<Database> second_;
  std::optional<Backups> backups_;
  int restored_ = 0;
};

TEST_F(BackupTest, HoldsTheStoresAtOneMomentWhileTheyAreWritten) {
  // The second store is never ahead of the first, nor by more than one behind.
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int n = 0; !stop; ++n) {
      ASSERT_TRUE(first_->Put("rows", "number", absl::StrCat(n)).ok());
      ASSERT_TRUE(second_->Put("rows", "number", absl::StrCat(n)).ok());
      ASSERT_TRUE(first_->Put("rows", absl::StrCat("filler", n), std::string(20'000, 'x')).ok());
    }
  });
  std::vector<BackupRecord> made;
  for (int i = 0; i < 3; ++i) made.push_back(Create());
  stop = true;
  writer.join();
  int64_t last = -1;
  for (const BackupRecord& backup : made) {
    const std::string to = Restore(backup);
    const auto first = OpenStore(to + "/first", nullptr);
    const auto second = OpenStore(to + "/second", nullptr);
    const int64_t number = Number(*first);
    EXPECT_GE(number, last);
    last = number;
    EXPECT_THAT(Number(*second), testing::AnyOf(number, number - 1));
  }
  EXPECT_GT(last, 0);
}

TEST_F(BackupTest, UnsyncedWritesAreInIt) {
  ASSERT_TRUE(first_->Put("rows", "number", "7", Durability::kUnsynced).ok());
  const auto restored = OpenStore(Restore(Create()) + "/first", nullptr);
  EXPECT_EQ(Number(*restored), 7);
}

TEST_F(BackupTest, FewWritesAreCopiedWithTheirLog) {
  ASSERT_TRUE(first_->Put("rows", "number", "1").ok());
  const BackupRecord one = Create();
  ASSERT_TRUE(first_->Put("rows", "number", "2").ok());
  const BackupRecord two = Create();
  EXPECT_EQ(SomeTable(), "");  // none was made of so little
  EXPECT_TRUE(backups_->Verify(one.id, nullptr).ok());
  EXPECT_EQ(Number(*OpenStore(Restore(one) + "/first", nullptr)), 1);
  EXPECT_EQ(Number(*OpenStore(Restore(two) + "/first", nullptr)), 2);
}

// Tables that come and go all the while end one moment after the other.
TEST_F(BackupTest, HoldsOneMomentWhileTablesAreMade) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP()
      << "how RocksDB hands what was written to the thread that makes a table of it is not "
         "seen here";
#endif
  std::atomic<bool> stop = false;
  std::thread flusher([&] {
    while (!stop) ASSERT_TRUE(first_->Flush().ok() && second_->Flush().ok());
  });
  std::thread writer([&] {
    for (int n = 0; !stop; ++n) {
      ASSERT_TRUE(first_->Put("rows", "number", absl::StrCat(n), Durability::kUnsynced).ok());
      ASSERT_TRUE(second_->Put("rows", "number", absl::StrCat(n), Durability::kUnsynced).ok());
    }
  });
  std::vector<BackupRecord> made;
  for (int i = 0; i < 3; ++i) made.push_back(Create());
  stop = true;
  writer.join();
  flusher.join();
  int64_t last = 0;
  for (const BackupRecord& backup : made) {
    const std::string to = Restore(backup);
    const int64_t number = Number(*OpenStore(to + "/first", nullptr));
    EXPECT_GE(number, last);
    last = number;
    EXPECT_THAT(Number(*OpenStore(to + "/second", nullptr)), testing::AnyOf(number, number - 1));
  }
  EXPECT_GT(last, 0);
}

TEST_F(BackupTest, ARestoredStoreIsAnotherOneWithoutEpochs) {
  const auto epochs = Epochs::Begin(*first_, 10);
  ASSERT_TRUE(epochs.ok());
  const std::string to = Restore(Create());
  EXPECT_TRUE(ClaimFolder(to, "recsae-test").ok());
  EXPECT_EQ(Reason(ClaimFolder(to, "recsae-probe")), "STORE_OF_OTHER_SERVICE");
  const auto restored = OpenStore(to + "/first", nullptr);
  EXPECT_NE(restored->store_id(), first_->store_id());
  EXPECT_NE(restored->store_id(), OpenStore(to + "/second", nullptr)->store_id());
  const auto anew = Epochs::Begin(*restored, 10);
  ASSERT_TRUE(anew.ok());
  EXPECT_EQ(Reason(anew->Check(epochs->current(), 10, 10)), "STORE_CHANGED");
  // The same is restored again as yet another one.
  const auto again = OpenStore(Restore(*FindBackup(folder(), "")) + "/first", nullptr);
  EXPECT_NE(again->store_id(), restored->store_id());
}

TEST_F(BackupTest, FilesAreCopiedOnceAndTheOldestBackupsGo) {
  ASSERT_TRUE(first_->Put("rows", "large", std::string(8 << 20, 'x')).ok());
  const auto bytes = [&] {
    uintmax_t sum = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder())) {
      if (entry.is_regular_file()) sum += entry.file_size();
    }
    return sum;
  };
  std::vector<std::string> ids;
  ids.push_back(Create().id);
  const uintmax_t once = bytes();
  for (int i = 0; i < 4; ++i) ids.push_back(Create().id);
  EXPECT_LT(bytes(), once + (1 << 20));
  const auto listed = backups_->List();
  ASSERT_TRUE(listed.ok());
  ASSERT_THAT(*listed, SizeIs(3));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ((*listed)[i].id, ids[4 - i]);
  EXPECT_EQ(Reason(backups_->Verify(ids[0], nullptr).status()), "BACKUP_NOT_FOUND");
  EXPECT_EQ(Reason(FindBackup(folder(), ids[1]).status()), "BACKUP_NOT_FOUND");
  EXPECT_EQ(absl::ToUnixMillis(backups_->last_success()), absl::ToUnixMillis((*listed)[0].time));
  EXPECT_FALSE(fs::exists(data() + "/backup.tmp"));
}

TEST_F(BackupTest, DamageIsFoundAndNotRestored) {
  ASSERT_TRUE(
      first_->Put("rows", "a", std::string(8 << 20, 'x')).ok());  // more than is left in logs
  const BackupRecord backup = Create();
  EXPECT_TRUE(backups_->Verify("", nullptr).ok());
  const std::string table = SomeTable();
  {
    std::fstream file(table, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);
    file.put('?');
  }
  EXPECT_EQ(Reason(backups_->Verify(backup.id, nullptr).status()), "BACKUP_CORRUPT");
  const std::string to = root_ + "/damaged";
  EXPECT_EQ(Reason(RestoreBackup(folder(), backup, to)), "BACKUP_CORRUPT");
  EXPECT_FALSE(fs::exists(to));
  fs::remove(table);
  EXPECT_EQ(Reason(VerifyBackup(folder(), backup, nullptr)), "BACKUP_CORRUPT");
}

TEST_F(BackupTest, IsRestoredOnlyIntoNothing) {
  const BackupRecord backup = Create();
  const std::string to = root_ + "/target";
  fs::create_directories(to);
  EXPECT_TRUE(RestoreBackup(folder(), backup, to + "/").ok());
  const absl::Status used = RestoreBackup(folder(), backup, to);
  EXPECT_EQ(Reason(used), "RESTORE_TARGET_USED");
  EXPECT_THAT(std::string(used.message()), HasSubstr(to));
  // What a restore that was cut off left is not in the way.
  fs::create_directories(root_ + "/other.restoring/first");
  std::ofstream(root_ + "/other.restoring/first/CURRENT") << "half";
  EXPECT_TRUE(RestoreBackup(folder(), backup, root_ + "/other").ok());
  EXPECT_FALSE(fs::exists(root_ + "/other.restoring"));
}

TEST_F(BackupTest, FoldersOfOthersAreRefused) {
  EXPECT_EQ(Reason(ListBackups(root_ + "/nothing").status()), "BACKUP_DIR_UNUSABLE");
  Create();
  BackupOptions others = Options();
  others.program = "recsae-other";
  Backups other(group_, others);
  EXPECT_EQ(Reason(other.Create(nullptr).status()), "BACKUP_DIR_OF_OTHER");
  BackupOptions none = Options();
  none.folder = "";
  Backups off(group_, none);
  EXPECT_EQ(Reason(off.Create(nullptr).status()), "BACKUP_DIR_NOT_SET");
  EXPECT_EQ(Reason(off.List().status()), "BACKUP_DIR_NOT_SET");
}

TEST_F(BackupTest, WhatIsBrokenOffLeavesNoBackup) {
  ASSERT_TRUE(first_->Put("rows", "large", std::string(8 << 20, 'x')).ok());
  std::atomic<int> asked = 0;
  const auto status = backups_
                          ->Create([&]() -> absl::Status {
                            if (++asked < 2) return absl::OkStatus();
                            return Error(absl::StatusCode::kCancelled, "CALL_CANCELLED", "gone");
                          })
                          .status();
  EXPECT_EQ(Reason(status), "CALL_CANCELLED");
  EXPECT_THAT(*backups_->List(), SizeIs(0));
  const BackupRecord whole = Create();
  EXPECT_TRUE(backups_->Verify(whole.id, nullptr).ok());
  EXPECT_EQ(Reason(backups_
                       ->Verify(whole.id,
                                []() -> absl::Status {
                                  return Error(absl::StatusCode::kCancelled, "CALL_CANCELLED", "");
                                })
                       .status()),
            "CALL_CANCELLED");
  backups_->Stop();
  EXPECT_EQ(Reason(backups_->Create(nullptr).status()), "SERVER_DRAINING");
}

TEST_F(BackupTest, OneAtATime) {
  ASSERT_TRUE(first_->Put("rows", "large", std::string(8 << 20, 'x')).ok());
  std::string reason;
  const auto made = backups_->Create([&]() -> absl::Status {
    if (reason.empty()) reason = Reason(backups_->Create(nullptr).status());
    return absl::OkStatus();
  });
  EXPECT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(reason, "BACKUP_RUNNING");
}

TEST_F(BackupTest, ARecordWhoseNumbersCannotBeIsDamaged) {
  const BackupRecord backup = Create();
  const std::string file = absl::StrCat(folder(), "/backups/", backup.id, ".json");
  const std::string record = absl::StrCat(
      R"({"id": ")", backup.id,
      R"(", "unix_millis": @time, "program": "p", "version": "1", "stores": [{"store": "a", )"
      R"("service": "a", "store_id": "i", "format": @format, "number": @number, "files": @files, )"
      R"("bytes": @bytes}]})");
  const auto read = [&](absl::string_view field, absl::string_view number) {
    std::ofstream(file) << absl::StrReplaceAll(
        absl::StrReplaceAll(record, {{field, number}}),
        {{"@time", "1"}, {"@format", "1"}, {"@number", "1"}, {"@files", "1"}, {"@bytes", "1"}});
    return ListBackups(folder()).status();
  };
  ASSERT_TRUE(read("@bytes", "1").ok());
  for (const char* field : {"@time", "@format", "@number", "@files", "@bytes"}) {
    for (const char* number : {"9223372036854775808", "1e300", "0.5", "\"x\""}) {
      EXPECT_EQ(Reason(read(field, number)), "BACKUP_CORRUPT") << field << " " << number;
    }
  }
  for (const char* field : {"@number", "@files", "@bytes"}) {
    EXPECT_EQ(Reason(read(field, "-1")), "BACKUP_CORRUPT") << field;
  }
  // Cut off they would be 1.
  EXPECT_EQ(Reason(read("@format", "4294967297")), "BACKUP_CORRUPT");
  EXPECT_EQ(Reason(read("@number", "4294967297")), "BACKUP_CORRUPT");
}

}  // namespace
}  // namespace recsae
