#include "common/files/whole_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/base/status.h"

namespace recsae::cli {
namespace {

using testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ostringstream read;
  read << std::ifstream(path, std::ios::binary).rdbuf();
  return read.str();
}

TEST(WriteWholeFileTest, TakesThePlaceOfWhatWasThere) {
  const std::string folder = testing::TempDir() + "/whole_file_test" + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/file";
  ASSERT_TRUE(WriteWholeFile(path, "first, and long").ok());
  // What a killed writer left aside.
  std::ofstream(path + ".part") << "half of a much longer one";
  const std::string second("a\0b\n", 4);
  ASSERT_TRUE(WriteWholeFile(path, second).ok());
  EXPECT_EQ(Read(path), second);
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));

  // A folder in the way: the file aside can be written, but takes no place.
  std::filesystem::create_directories(folder + "/taken/inside");
  const absl::Status taken = WriteWholeFile(folder + "/taken", "x");
  EXPECT_EQ(Reason(taken), "FILE_NOT_WRITABLE");
  EXPECT_THAT(std::string(taken.message()), HasSubstr(folder + "/taken: "));

  const absl::Status nowhere = WriteWholeFile(folder + "/none/file", "x");
  EXPECT_EQ(Reason(nowhere), "FILE_NOT_WRITABLE");
  EXPECT_THAT(std::string(nowhere.message()), HasSubstr("No such file or directory"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace recsae::cli
