#include "services/explainer/language/paid_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"

namespace recsae::explainer {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

TEST(PaidStoreTest, KeepsABatchAndLetsTheOldestGo) {
  const std::string folder = ::testing::TempDir() + "/paid";
  std::filesystem::remove_all(folder);
  const std::string bytes("\0\xff\n", 3);
  for (int run = 0; run < 3; ++run) {
    const auto store = PaidStore::Open(folder, "test", 20'000, {}).value();
    if (run > 0) {
      EXPECT_EQ(store->Find(absl::StrCat("last", run - 1)).value(), bytes) << "over a restart";
    }
    for (int batch = 0; batch < 10; ++batch) {
      Entries entries;
      for (int i = 0; i < 10; ++i) {
        entries.emplace_back(absl::StrCat("k", run, "-", batch, "-", i), std::string(1000, 'x'));
      }
      ASSERT_TRUE(store->Add(entries).ok());
      EXPECT_LE(store->bytes(), 20'000);
    }
    EXPECT_FALSE(store->Find(absl::StrCat("k", run, "-0-0")).value().has_value());
    EXPECT_TRUE(store->Find(absl::StrCat("k", run, "-9-9")).value().has_value());
    ASSERT_TRUE(store->Add(Entries{{absl::StrCat("last", run), bytes}}).ok());
    ASSERT_TRUE(store->Add(Entries{{absl::StrCat("last", run), "another"}}).ok());
    EXPECT_EQ(store->Find(absl::StrCat("last", run)).value(), bytes) << "the first one stays";
  }
}

}  // namespace
}  // namespace recsae::explainer
