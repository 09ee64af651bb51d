#include "common/jobs/job_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/storage/keys.h"

namespace recsae {
namespace {

class JobStoreTest : public ::testing::Test {
 protected:
  JobStoreTest()
      : path_(absl::StrCat(::testing::TempDir(), "job-store-", getpid(), "-",
                           ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(path_);
    store_ = JobStore::Open(path_, "test", {}).value();
  }
  ~JobStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(path_);
  }

  void Put(const char* family, const std::string& key, const std::string& value) {
    ASSERT_TRUE(store_->database().Put(family, key, value).ok());
  }
  void ExpectCorrupt(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_EQ(Reason(status), "STORE_CORRUPT");
  }

  std::string path_;
  std::unique_ptr<JobStore> store_;
};

// Whatever the disk gives back is an error, never bytes beyond the end.
TEST_F(JobStoreTest, TruncatedValuesAreDataLoss) {
  for (const size_t size : {0, 1, 7, 9}) {
    Put(kDefaultFamily, "next", std::string(size, '\1'));
    ExpectCorrupt(store_->NextSequence().status());
  }
  for (const size_t size : {0, 8, 15, 17}) {
    Put("checkpoints", BigEndian64(1) + "h", std::string(size, '\1'));
    ExpectCorrupt(store_->LoadCheckpoint(1).status());
    ExpectCorrupt(store_->SaveCheckpoint(1, "new"));
  }
}

TEST_F(JobStoreTest, WhatIsNoRecordIsDataLoss) {
  JobRecord record;
  record.sequence = 1;
  record.job.set_name("jobs/x");
  record.job.set_state(jobs::v1::Job::STATE_RUNNING);
  ASSERT_TRUE(store_->Save(record, Durability::kSynced).ok());
  ASSERT_EQ(store_->LoadAll()->size(), 1u);
  const std::string good = *store_->database().Get("jobs", BigEndian64(1));
  for (size_t size = 0; size < good.size(); ++size) {
    Put("jobs", BigEndian64(1), good.substr(0, size));
    const auto read = store_->LoadAll();
    // A message may end after any of its fields, but a job has a state.
    ExpectCorrupt(read.status());
  }
  for (const int state : {0, 6, 1000}) {
    record.job.set_state(static_cast<jobs::v1::Job::State>(state));
    ASSERT_TRUE(store_->Save(record, Durability::kSynced).ok());
    ExpectCorrupt(store_->LoadAll().status());
  }
}

}  // namespace
}  // namespace recsae
