// Whose a directory is, and that no cut-off file keeps it from being opened.
#include "common/storage/marker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/storage/database.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class MarkerTest : public ::testing::Test {
 protected:
  MarkerTest()
      : path_(absl::StrCat(::testing::TempDir(), "marker-", getpid(), "-",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(path_);
    options_.service = "probe";
    options_.format = 2;
    options_.families = {{"items"}};
  }
  ~MarkerTest() override { fs::remove_all(path_); }

  std::unique_ptr<Database> Open() {
    auto database = Database::Open(path_, options_);
    EXPECT_TRUE(database.ok()) << database.status();
    return *std::move(database);
  }
  absl::Status OpenError() { return Database::Open(path_, options_).status(); }
  std::string Id() { return Open()->store_id(); }

  void WriteFile(const std::string& name, const std::string& text) {
    fs::create_directories((fs::path(path_) / name).parent_path());
    std::ofstream(fs::path(path_) / name) << text;
  }
  std::string ReadFile(const std::string& name) {
    std::ifstream in(fs::path(path_) / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  const std::string path_;
  DatabaseOptions options_;
};

constexpr const char* kCutOff[] = {"", "{\"service\": \"probe\"", "[]",
                                   "{\"service\": 1, \"format\": 1}"};

TEST_F(MarkerTest, AStoreKeepsItsIdAndNoTwoHaveTheSame) {
  const std::string id = Id();
  EXPECT_THAT(id, MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(Id(), id);
  EXPECT_THAT(ReadFile("STORE"), HasSubstr(id));
  fs::remove_all(path_);
  EXPECT_NE(Id(), id);
}

TEST_F(MarkerTest, AnEmptiedDirectoryIsAnotherStore) {
  const std::string id = Id();
  for (const auto& file : fs::directory_iterator(path_)) {
    if (file.path().filename() != "STORE") fs::remove(file.path());
  }
  const std::string now = Id();
  EXPECT_NE(now, id);
  EXPECT_THAT(ReadFile("STORE"), HasSubstr(now));
}

TEST_F(MarkerTest, TheDatabaseCountsWhereItsFileSaysOtherwise) {
  const std::string id = Id();
  WriteFile("STORE", R"({"service": "probe", "format": 2, "store_id": "of another directory"})");
  EXPECT_EQ(Id(), id);
  EXPECT_THAT(ReadFile("STORE"), HasSubstr(id));
}

TEST_F(MarkerTest, OfAnEarlierVersionGetsAnId) {
  options_.format = 1;
  ASSERT_TRUE(Open()->Delete(kDefaultFamily, "store").ok());
  WriteFile("STORE", R"({"format":1,"service":"probe"})");
  options_.format = 2;
  const std::string id = Id();
  EXPECT_THAT(id, MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(Open()->format(), 1);
  EXPECT_EQ(Id(), id);
  EXPECT_THAT(ReadFile("STORE"), HasSubstr(id));
}

TEST_F(MarkerTest, OneThatWasCutOffIsWrittenAnewFromTheDatabase) {
  const std::string id = Id();
  for (const char* text : kCutOff) {
    WriteFile("STORE", text);
    EXPECT_EQ(Id(), id) << text;
    EXPECT_THAT(ReadFile("STORE"), HasSubstr(id));
  }
  fs::remove(fs::path(path_) / "STORE");
  EXPECT_EQ(Id(), id);
}

TEST_F(MarkerTest, OneThatWasCutOffWithoutADatabaseIsWrittenAnew) {
  for (const char* text : kCutOff) {
    fs::remove_all(path_);
    WriteFile("STORE", text);
    EXPECT_EQ(Open()->format(), 2) << text;
  }
}

TEST_F(MarkerTest, OneThatWasCutOffGivesNobodyAnothersDatabase) {
  const std::string id = Id();
  WriteFile("STORE", "");
  options_.service = "concept-store";
  // Its families are others; or the same, and it is the database that says no.
  options_.families = {{"concepts"}};
  EXPECT_EQ(Reason(OpenError()), "STORE_OF_OTHER_SERVICE");
  options_.families = {{"items"}};
  EXPECT_EQ(Reason(OpenError()), "STORE_OF_OTHER_SERVICE");
  EXPECT_EQ(ReadFile("STORE"), "");
  options_.service = "probe";
  EXPECT_EQ(Id(), id);
}

TEST_F(MarkerTest, DirectoryOfAnotherServiceIsRefused) {
  Id();
  options_.service = "concept-store";
  const absl::Status status = OpenError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(status), "STORE_OF_OTHER_SERVICE");
  EXPECT_THAT(std::string(status.message()), HasSubstr("belongs to probe, not to concept-store"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

TEST_F(MarkerTest, NewerFormatIsRefusedAndOlderKeepsItsNumber) {
  EXPECT_EQ(Open()->format(), 2);
  options_.format = 1;
  const absl::Status status = OpenError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(status), "STORE_FORMAT_TOO_NEW");
  EXPECT_THAT(std::string(status.message()), HasSubstr("format 2"));
  options_.format = 3;
  EXPECT_EQ(Open()->format(), 2);
}

TEST_F(MarkerTest, ForeignFilesAreNotTouched) {
  WriteFile("holiday.txt", "sun");
  EXPECT_EQ(Reason(OpenError()), "STORE_OF_OTHER_SERVICE");
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), fs::directory_iterator()), 1);
}

TEST_F(MarkerTest, InterruptedFirstStartAndFreshVolumeAreFine) {
  WriteFile("STORE.123", "{\"serv");
  fs::create_directory(fs::path(path_) / "lost+found");
  EXPECT_EQ(Open()->format(), 2);
}

TEST_F(MarkerTest, PathThatIsAFileIsRefused) {
  std::ofstream(path_.c_str()) << "x";
  EXPECT_EQ(Reason(OpenError()), "STORE_UNUSABLE");
}

// A disk with so much room.
class SmallDisk : public rocksdb::EnvWrapper {
 public:
  explicit SmallDisk(uint64_t free) : EnvWrapper(rocksdb::Env::Default()), free_(free) {}
  const char* Name() const override { return "SmallDisk"; }
  rocksdb::Status GetFreeSpace(const std::string& /*path*/, uint64_t* free) override {
    *free = free_;
    return rocksdb::Status::OK();
  }
  void SetFree(uint64_t free) { free_ = free; }

 private:
  std::atomic<uint64_t> free_;
};

TEST_F(MarkerTest, AFullDiskIsToldBeforeAnythingIsTouched) {
  SmallDisk disk(1000);
  options_.environment.env = &disk;
  const absl::Status status = OpenError();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(status), "STORE_FULL");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("the disk of ", path_, " is full: 1000 bytes are free")));
  EXPECT_TRUE(fs::is_empty(path_));
  EXPECT_EQ(Reason(ClaimFolder(path_, "recsae-probe", &disk)), "STORE_FULL");
}

TEST_F(MarkerTest, AnAlmostFullDiskOpensAndDeletesThoughWhatIsInTheLogHasNoRoomTwice) {
  ASSERT_TRUE(Open()->Put("items", "a", std::string(8 << 20, 'x')).ok());
  SmallDisk disk(3 << 20);
  options_.environment.env = &disk;
  const auto tables = [&] {
    return std::count_if(fs::directory_iterator(path_), fs::directory_iterator(),
                         [](const auto& f) { return f.path().extension() == ".sst"; });
  };
  {
    auto database = Open();
    EXPECT_EQ(tables(), 0);
    EXPECT_TRUE(database->Get("items", "a").ok());
    EXPECT_EQ(Reason(database->Put("items", "b", "1")), "STORE_FULL");
    EXPECT_TRUE(database->Delete("items", "none").ok());
  }
  options_.environment.env = nullptr;
  EXPECT_TRUE(Open()->Get("items", "a").ok());
  EXPECT_GT(tables(), 0);
}

TEST_F(MarkerTest, AFullDiskRefusesWritesButNotDeletions) {
  SmallDisk disk(uint64_t{1} << 40);
  options_.environment.env = &disk;
  auto database = Open();
  ASSERT_TRUE(database->Put("items", "a", "1").ok());
  disk.SetFree(3 << 20);
  const absl::Status status = database->Put("items", "b", "1");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(status), "STORE_FULL");
  EXPECT_TRUE(database->Delete("items", "a").ok());
  disk.SetFree(1000);
  EXPECT_EQ(Reason(database->Delete("items", "a")), "STORE_FULL");
  disk.SetFree(uint64_t{1} << 40);
  EXPECT_TRUE(database->Put("items", "b", "1").ok());
}

class FolderTest : public MarkerTest {
 protected:
  absl::Status Claim(const std::string& program) { return ClaimFolder(path_, program); }
};

TEST_F(FolderTest, BelongsToWhoMadeIt) {
  ASSERT_TRUE(Claim("recsae-probe").ok());
  EXPECT_TRUE(Claim("recsae-probe").ok());
  const absl::Status status = Claim("recsae-trainer");
  EXPECT_EQ(Reason(status), "STORE_OF_OTHER_SERVICE");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("belongs to recsae-probe, not to recsae-trainer"));
}

TEST_F(FolderTest, OfAnEarlierVersionKeepsItsOwner) {
  WriteFile("OWNER", "recsae-probe\n");
  EXPECT_EQ(Reason(Claim("recsae-trainer")), "STORE_OF_OTHER_SERVICE");
  ASSERT_TRUE(Claim("recsae-probe").ok());
  EXPECT_FALSE(fs::exists(fs::path(path_) / "OWNER"));
  EXPECT_EQ(Reason(Claim("recsae-trainer")), "STORE_OF_OTHER_SERVICE");
  EXPECT_TRUE(Claim("recsae-probe").ok());
}

TEST_F(FolderTest, AMarkerThatThePowerTookKeepsNobodyOut) {
  for (const char* file : {"STORE", "OWNER"}) {
    for (const char* text : {"", "rec", "{\"format\": 1, \"ser"}) {
      fs::remove_all(path_);
      WriteFile(file, text);
      EXPECT_TRUE(Claim("recsae-probe").ok()) << file << ": " << text;
      EXPECT_EQ(Reason(Claim("recsae-trainer")), "STORE_OF_OTHER_SERVICE");
    }
  }
}

TEST_F(FolderTest, WithoutAMarkerItsJobsSayWhoseItIs) {
  WriteFile("OWNER", "");
  WriteFile("jobs/STORE", R"({"format": 1, "service": "standalone"})");
  EXPECT_EQ(Reason(Claim("recsae-probe")), "STORE_OF_OTHER_SERVICE");
  EXPECT_TRUE(Claim("recsae-standalone").ok());
}

TEST_F(FolderTest, ADatabaseIsNoFolderOfDatabases) {
  Id();
  EXPECT_EQ(Reason(Claim("recsae-probe")), "STORE_OF_OTHER_SERVICE");
}

}  // namespace
}  // namespace recsae
