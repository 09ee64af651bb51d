// Small files for the readers' tests.
#ifndef RECSAE_TESTS_UNIT_PROBE_DATASETS_FILES_H_
#define RECSAE_TESTS_UNIT_PROBE_DATASETS_FILES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "services/probe/datasets/dataset.h"

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

// The ids of a user's items, oldest first; none for a user who is not there.
inline std::vector<std::string> SequenceIds(const Dataset& dataset, const std::string& user) {
  std::vector<std::string> ids;
  const auto at = std::find(dataset.users.begin(), dataset.users.end(), user);
  if (at == dataset.users.end()) return ids;
  for (const int32_t item : dataset.sequences[at - dataset.users.begin()]) {
    ids.push_back(dataset.items[item].id);
  }
  return ids;
}

// What was said of the reading under a code; null: nothing.
inline const Remark* FindRemark(const Dataset& dataset, const std::string& code) {
  for (const Remark& remark : dataset.remarks) {
    if (remark.code == code) return &remark;
  }
  return nullptr;
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
