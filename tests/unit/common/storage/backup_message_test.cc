#include "common/storage/backup_message.h"

#include <gtest/gtest.h>

namespace recsae {
namespace {

TEST(BackupMessageTest, SaysAllThatCallersMaySee) {
  BackupRecord record;
  record.id = "20260102-030405-ab";
  record.time = absl::FromUnixMillis(1'700'000'000'123);
  record.program = "recsae-probe";
  record.version = "0.1.0";
  record.stores = {{"probe", "probe", "id-1", 1, 7, 1000, 3},
                   {"jobs", "jobs", "id-2", 1, 8, 24, 1}};

  const backups::v1::Backup backup = ToMessage(record);
  EXPECT_EQ(backup.name(), "backups/20260102-030405-ab");
  EXPECT_EQ(backup.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(backup.create_time().nanos(), 123'000'000);
  EXPECT_EQ(backup.program(), "recsae-probe");
  EXPECT_EQ(backup.version(), "0.1.0");
  EXPECT_EQ(backup.byte_count(), 1024);
  ASSERT_EQ(backup.stores_size(), 2);
  EXPECT_EQ(backup.stores(1).store(), "jobs");
  EXPECT_EQ(backup.stores(1).store_id(), "id-2");
  EXPECT_EQ(backup.stores(1).byte_count(), 24);
  EXPECT_EQ(backup.stores(1).file_count(), 1);
}

}  // namespace
}  // namespace recsae
