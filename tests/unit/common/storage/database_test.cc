#include "common/storage/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/status.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/storage/keys.h"
#include "common/storage/rocksdb_status.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DatabaseTest : public ::testing::Test {
 protected:
  DatabaseTest()
      : path_(absl::StrCat(::testing::TempDir(), "database-", getpid(), "-",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(path_);
    options_.service = "probe";
    options_.format = 2;
    options_.families = {{"items"}, {"rows", /*incompressible=*/true}};
  }
  ~DatabaseTest() override { fs::remove_all(path_); }

  std::unique_ptr<Database> Open() {
    auto database = Database::Open(path_, options_);
    EXPECT_TRUE(database.ok()) << database.status();
    return *std::move(database);
  }
  absl::Status OpenError() { return Database::Open(path_, options_).status(); }

  void WriteFile(const std::string& name, const std::string& text) {
    fs::create_directories(path_);
    std::ofstream(fs::path(path_) / name) << text;
  }

  const std::string path_;
  DatabaseOptions options_;
};

std::vector<std::string> Keys(std::unique_ptr<Scanner> scan) {
  std::vector<std::string> keys;
  for (; scan->Valid(); scan->Next()) keys.emplace_back(scan->key());
  EXPECT_TRUE(scan->status().ok()) << scan->status();
  return keys;
}

TEST_F(DatabaseTest, WhatWasWrittenIsThereAfterReopening) {
  {
    auto db = Open();
    ASSERT_TRUE(db->Put("items", "a", std::string("x\0y", 3)).ok());
    ASSERT_TRUE(db->Put("rows", "a", "").ok());
    ASSERT_TRUE(db->Put("items", "gone", "1").ok());
    ASSERT_TRUE(db->Delete("items", "gone").ok());
    ASSERT_TRUE(db->Delete("items", "never there").ok());
  }
  auto db = Open();
  EXPECT_EQ(*db->Get("items", "a"), std::string("x\0y", 3));
  EXPECT_EQ(*db->Get("rows", "a"), "");
  const auto gone = db->Get("items", "gone");
  EXPECT_EQ(gone.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Reason(gone.status()), "KEY_NOT_FOUND");
}

TEST_F(DatabaseTest, MultiGetKeepsTheOrderOfTheKeys) {
  auto db = Open();
  ASSERT_TRUE(db->Put("items", "a", "1").ok());
  ASSERT_TRUE(db->Put("items", "b", "2").ok());
  const std::vector<std::string> keys = {"b", "x", "a", "b"};
  const auto values = db->MultiGet("items", keys);
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_THAT(*values, ElementsAre("2", std::nullopt, "1", "2"));
}

TEST_F(DatabaseTest, ABatchTakesEffectAsOne) {
  auto db = Open();
  ASSERT_TRUE(db->Put("items", "p/1", "old").ok());
  ASSERT_TRUE(db->Put("items", "q", "kept").ok());
  WriteBatch batch = db->NewBatch();
  batch.DeletePrefix("items", "p/");
  batch.Put("items", "p/2", "new");
  batch.Put("rows", "r", "1");
  EXPECT_GT(batch.size(), 0u);
  EXPECT_EQ(*db->Get("items", "p/1"), "old");
  ASSERT_TRUE(db->Write(std::move(batch), Durability::kUnsynced).ok());
  EXPECT_THAT(Keys(db->Scan("items", "")), ElementsAre("p/2", "q"));
  EXPECT_EQ(*db->Get("rows", "r"), "1");
}

TEST_F(DatabaseTest, APrefixIsDeletedWithWhatTheBatchPutThereBefore) {
  auto db = Open();
  // Few keys are deleted one by one, many as a range.
  for (const int stored : {0, 3, 1000}) {
    WriteBatch fill = db->NewBatch();
    for (int i = 0; i < stored; ++i) fill.Put("items", absl::StrCat("p/", i), "old");
    ASSERT_TRUE(db->Write(std::move(fill)).ok());
    WriteBatch batch = db->NewBatch();
    batch.Put("items", "p/before", "1");
    batch.Put("items", "p", "kept");
    batch.Put("rows", "p/other family", "kept");
    batch.DeletePrefix("items", "p/");
    batch.Put("items", "p/after", "2");
    ASSERT_TRUE(db->Write(std::move(batch)).ok());
    EXPECT_THAT(Keys(db->Scan("items", "")), ElementsAre("p", "p/after")) << stored;
    EXPECT_EQ(*db->Get("rows", "p/other family"), "kept");
  }
}

TEST_F(DatabaseTest, ABatchWithAFaultWritesNothing) {
  auto db = Open();
  WriteBatch batch = db->NewBatch();
  batch.Put("items", "a", "1");
  batch.Put("no such family", "b", "1");
  const absl::Status status = db->Write(std::move(batch));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no such family"));
  EXPECT_FALSE(db->Get("items", "a").ok());

  WriteBatch everything = db->NewBatch();
  everything.DeletePrefix("items", "");
  EXPECT_FALSE(db->Write(std::move(everything)).ok());
  EXPECT_FALSE(db->Get("no such family", "a").ok());
  EXPECT_FALSE(db->Scan("no such family", "")->Valid());
  EXPECT_FALSE(db->Scan("no such family", "")->status().ok());
}

TEST_F(DatabaseTest, ScansStayInsideTheirPrefix) {
  auto db = Open();
  for (const char* key : {"a", "b", "ba", "bb", "bc", "c"}) {
    ASSERT_TRUE(db->Put("items", key, key, Durability::kUnsynced).ok());
  }
  EXPECT_THAT(Keys(db->Scan("items", "b")), ElementsAre("b", "ba", "bb", "bc"));
  EXPECT_THAT(Keys(db->Scan("items", "b", {.reverse = true})), ElementsAre("bc", "bb", "ba", "b"));
  EXPECT_THAT(Keys(db->Scan("items", "b", {.from = "bb"})), ElementsAre("bb", "bc"));
  EXPECT_THAT(Keys(db->Scan("items", "b", {.from = "bb", .reverse = true})),
              ElementsAre("ba", "b"));
  EXPECT_THAT(Keys(db->Scan("items", "b", {.from = "a"})), ElementsAre("b", "ba", "bb", "bc"));
  EXPECT_THAT(Keys(db->Scan("items", "b", {.from = "d"})), IsEmpty());
  EXPECT_THAT(Keys(db->Scan("items", "x", {.bulk = true})), IsEmpty());
  EXPECT_THAT(Keys(db->Scan("items", "")), ElementsAre("a", "b", "ba", "bb", "bc", "c"));
}

TEST_F(DatabaseTest, AScanDoesNotSeeLaterWrites) {
  auto db = Open();
  ASSERT_TRUE(db->Put("items", "a", "1").ok());
  auto scan = db->Scan("items", "");
  ASSERT_TRUE(db->Put("items", "b", "2").ok());
  EXPECT_THAT(Keys(std::move(scan)), ElementsAre("a"));
}

TEST_F(DatabaseTest, FamiliesNobodyAskedForAreKept) {
  ASSERT_TRUE(Open()->Put("rows", "a", "1").ok());
  options_.families = {{"items"}, {"later"}};
  {
    auto db = Open();
    EXPECT_TRUE(db->Put("later", "a", "2").ok());
  }
  options_.families = {{"items"}, {"rows", true}};
  EXPECT_EQ(*Open()->Get("rows", "a"), "1");
}

TEST_F(DatabaseTest, SecondOpenInOneProcessIsRefused) {
  auto db = Open();
  EXPECT_EQ(Reason(OpenError()), "STORE_LOCKED");
  db.reset();
  Open();
}

// Another process holds the directory, is killed, and what it was told was stored is there.
TEST_F(DatabaseTest, LockedByAnotherProcessUntilItDies) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto db = Database::Open(path_, options_);
    const bool stored = db.ok() && (*db)->Put("items", "a", "acknowledged").ok();
    if (write(ready[1], stored ? "y" : "n", 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const absl::Status status = OpenError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(status), "STORE_LOCKED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("another process"));

  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  close(ready[0]);
  close(ready[1]);
  EXPECT_EQ(*Open()->Get("items", "a"), "acknowledged");
}

TEST_F(DatabaseTest, DamagedDataIsDataLossNotAWrongAnswer) {
  std::mt19937 random(1);
  std::string value(200'000, '\0');
  for (char& c : value) c = static_cast<char>(random());
  ASSERT_TRUE(Open()->Put("rows", "a", value).ok());
  Open();  // Moves the log into a table file.
  bool damaged = false;
  for (const auto& file : fs::directory_iterator(path_)) {
    if (file.path().extension() != ".sst" || file.file_size() < value.size()) continue;
    std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(100'000);
    stream << "damage";
    damaged = true;
  }
  ASSERT_TRUE(damaged);
  const auto read = Open()->Get("rows", "a");
  EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Reason(read.status()), "STORE_CORRUPT");
}

TEST_F(DatabaseTest, TellsHowItIsWhileItIsOpen) {
  const auto told = [this] {
    std::vector<DatabaseStats> stats = StatsOfOpenDatabases();
    std::erase_if(stats, [this](const DatabaseStats& one) { return one.path != path_; });
    return stats;
  };
  EXPECT_THAT(told(), IsEmpty());
  auto database = Open();
  ASSERT_TRUE(database->Put("rows", "a", std::string(1 << 20, 'x')).ok());
  ASSERT_EQ(told().size(), 1u);
  EXPECT_GT(told()[0].memtable_bytes, 1 << 20);
  EXPECT_EQ(told()[0].background_errors, 0);
  const int64_t tables = told()[0].table_files;
  database.reset();
  EXPECT_THAT(told(), IsEmpty());
  // What was in the log is in a table now.
  database = Open();
  EXPECT_GT(told()[0].table_files, tables);
  ASSERT_TRUE(database->Get("rows", "a").ok());
  EXPECT_GT(told()[0].block_cache_bytes, 0);
}

TEST(RocksDbStatus, MapsToCodes) {
  using rocksdb::Status;
  const std::vector<std::pair<Status, absl::StatusCode>> cases = {
      {Status::NotFound(), absl::StatusCode::kNotFound},
      {Status::Corruption("c"), absl::StatusCode::kDataLoss},
      {Status::NoSpace("n"), absl::StatusCode::kResourceExhausted},
      {Status::SpaceLimit(), absl::StatusCode::kResourceExhausted},
      {Status::Busy(), absl::StatusCode::kUnavailable},
      {Status::TryAgain(), absl::StatusCode::kUnavailable},
      {Status::TimedOut(), absl::StatusCode::kUnavailable},
      {Status::Incomplete(), absl::StatusCode::kUnavailable},
      {Status::ShutdownInProgress(), absl::StatusCode::kUnavailable},
      {Status::IOError("i"), absl::StatusCode::kInternal},
      {Status::InvalidArgument("a"), absl::StatusCode::kInternal},
  };
  for (const auto& [rocks, code] : cases) {
    const absl::Status status = FromRocksDb(rocks, "write to /data");
    EXPECT_EQ(status.code(), code) << rocks.ToString();
    EXPECT_NE(Reason(status), "");
    EXPECT_THAT(std::string(status.message()), HasSubstr("write to /data"));
  }
  EXPECT_TRUE(FromRocksDb(Status::OK(), "x").ok());
}

TEST(Keys, BigEndianOrderIsNumericOrder) {
  std::string previous;
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{1}, uint64_t{255}, uint64_t{256}, uint64_t{1} << 40, UINT64_MAX}) {
    const std::string key = BigEndian64(value);
    EXPECT_EQ(key.size(), 8u);
    EXPECT_EQ(ReadBigEndian64(key), value);
    EXPECT_LT(previous, key);
    previous = key;
  }
  EXPECT_EQ(BigEndian32(0x01020304), "\x01\x02\x03\x04");
  EXPECT_EQ(ReadBigEndian32("\xff\x02\x03\x04rest"), 0xff020304u);
}

TEST(Keys, AStoredNumberThatIsCutOffIsDataLoss) {
  EXPECT_EQ(*StoredNumber(BigEndian64(1) + BigEndian64(7), 8), 7u);
  for (const std::string& value : {std::string(), std::string("1234567")}) {
    EXPECT_EQ(Reason(StoredNumber(value).status()), "STORE_CORRUPT");
  }
  EXPECT_FALSE(StoredNumber("12345678", 8).ok());
}

TEST(Keys, Prefixes) {
  EXPECT_EQ(KeyPrefix({"a", "b"}), std::string("a\0b\0", 4));
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd("a\xff"), "b");
  EXPECT_EQ(PrefixEnd("\xff\xff"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

}  // namespace
}  // namespace recsae
