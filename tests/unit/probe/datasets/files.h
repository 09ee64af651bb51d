// Small files for the readers' tests.
#ifndef RECSAE_TESTS_UNIT_PROBE_DATASETS_FILES_H_
#define RECSAE_TESTS_UNIT_PROBE_DATASETS_FILES_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace recsae::probe {

// A fresh folder of the running test.
inline std::string NewFolder(const std::string& name = "data") {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / test->test_suite_name() / test->name() / name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder.string();
}

inline void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// The data set's folder below $RECSAE_DATA_DIR, or "" if it is not there.
inline std::string DataFolder(const std::string& name) {
  const char* root = std::getenv("RECSAE_DATA_DIR");
  if (root == nullptr) return "";
  const std::filesystem::path folder = std::filesystem::path(root) / name;
  return std::filesystem::is_directory(folder) ? folder.string() : "";
}

}  // namespace recsae::probe

#endif  // RECSAE_TESTS_UNIT_PROBE_DATASETS_FILES_H_
