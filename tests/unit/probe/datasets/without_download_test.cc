// A build without libarchive (RECSAE_DOWNLOAD=OFF): what is there is found, what is not says why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "common/base/status.h"
#include "services/probe/datasets/download.h"
#include "services/probe/datasets/locate.h"

namespace recsae::probe {
namespace {

using testing::HasSubstr;

TEST(WithoutDownloadTest, SaysThatItCannotDownload) {
  const absl::Status status = Download("http://localhost/x.zip", "x.zip", 1, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_EQ(Reason(status), "DOWNLOAD_UNAVAILABLE");
}

TEST(WithoutDownloadTest, APublishedDataSetThatIsNotThereIsNotFound) {
  LocateOptions options;
  options.cache_dir = testing::TempDir() + "/without-download";
  options.base_url = "http://localhost";
  std::filesystem::remove_all(options.cache_dir);
  const absl::Status status = LocateDataset("ml-1m", options).status();
  EXPECT_EQ(Reason(status), "DATASET_NOT_FOUND") << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("built without downloads"));
  std::filesystem::create_directories(options.cache_dir + "/ml-1m");
  EXPECT_EQ(*LocateDataset("ml-1m", options), options.cache_dir + "/ml-1m");
}

}  // namespace
}  // namespace recsae::probe
