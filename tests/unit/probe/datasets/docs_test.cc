// The examples of docs/data-sets.md are read from the page, and give what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "services/probe/datasets/readers.h"
#include "tests/unit/probe/datasets/files.h"

namespace recsae::probe {
namespace {

// Of one example: "ml_csv: 1 user, 2 items, 2 interactions".
std::string Read(const std::string& folder) {
  const auto format = DetectFormat(folder);
  if (!format.ok()) return std::string(format.status().message());
  // A core cannot be cut out of the split that files give.
  absl::StatusOr<Dataset> all = ReadDataset(folder, *format, {.core = 0});
  if (!all.ok()) return std::string(all.status().message());
  const auto counted = [](size_t count, const char* noun) {
    return Counted(static_cast<int64_t>(count), noun);
  };
  return absl::StrCat(counted(all->users.size(), "user"), ", ", counted(all->items.size(), "item"),
                      ", ", counted(static_cast<size_t>(CountInteractions(*all)), "interaction"),
                      ", ", all->malformed_lines, " malformed");
}

TEST(DocsTest, EachExampleIsReadAsItSays) {
  std::ifstream page(RECSAE_DATA_SETS_PAGE);
  ASSERT_TRUE(page.is_open()) << RECSAE_DATA_SETS_PAGE;
  const std::string root = NewFolder();
  std::string line, folder;
  std::ofstream file;
  std::set<std::string> formats;
  while (std::getline(page, line)) {
    absl::string_view text = line;
    if (!absl::ConsumePrefix(&text, "    ")) continue;
    if (absl::ConsumePrefix(&text, "==> ") && absl::ConsumeSuffix(&text, " <==")) {
      const std::filesystem::path path = root + "/" + std::string(text);
      folder = path.parent_path().string();
      std::filesystem::create_directories(folder);
      if (file.is_open()) file.close();
      file.open(path);
    } else if (absl::ConsumePrefix(&text, "=> ")) {
      file.close();
      const size_t colon = text.find(": ");
      const std::string format = absl::StrReplaceAll(text.substr(0, colon), {{"_", "-"}});
      EXPECT_EQ(Read(folder), absl::StrCat(text.substr(colon + 2), ", 0 malformed")) << folder;
      const auto read = DetectFormat(folder), named = ParseFormat(format);
      ASSERT_TRUE(read.ok() && named.ok()) << folder << ": " << format;
      EXPECT_EQ(static_cast<int>(*read), static_cast<int>(*named)) << folder;
      formats.insert(format);
    } else if (file.is_open()) {
      file << text << "\n";
    }
  }
  EXPECT_GE(formats.size(), 14U) << "the page has examples";
}

}  // namespace
}  // namespace recsae::probe
