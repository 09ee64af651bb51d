#include "services/explainer/language/answer_store.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"

namespace recsae::explainer {
namespace {

std::string Folder(const std::string& name) {
  std::string folder = ::testing::TempDir() + "/answers-" + name;
  std::filesystem::remove_all(folder);
  return folder;
}

TEST(AnswerStoreTest, KeepsAnswersOverRestarts) {
  const std::string folder = Folder("kept");
  {
    const auto store = AnswerStore::Open(folder, 1 << 20, {}).value();
    EXPECT_EQ(store->Find("k").value(), std::nullopt);
    ASSERT_TRUE(store->Add("k", {"text\n\"ä\"", 7, 1'700'000'000, "jobs/a"}).ok());
    ASSERT_TRUE(store->Add("k", {"another", 1, 1, "jobs/b"}).ok()) << "the first one stays";
  }
  const auto store = AnswerStore::Open(folder, 1 << 20, {}).value();
  const StoredAnswer answer = store->Find("k").value().value();
  EXPECT_EQ(answer.text, "text\n\"ä\"");
  EXPECT_EQ(answer.tokens, 7);
  EXPECT_EQ(answer.unix_seconds, 1'700'000'000);
  EXPECT_EQ(answer.job, "jobs/a");
  EXPECT_GT(store->bytes(), 0);
}

TEST(AnswerStoreTest, LetsTheOldestGo) {
  const std::string folder = Folder("bounded");
  for (int run = 0; run < 2; ++run) {
    const auto store = AnswerStore::Open(folder, 20'000, {}).value();
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(
          store->Add(absl::StrCat("k", run, "-", i), {std::string(1000, 'x'), 1, 1, "j"}).ok());
      EXPECT_LE(store->bytes(), 20'000);
    }
    EXPECT_FALSE(store->Find(absl::StrCat("k", run, "-0")).value().has_value());
    EXPECT_TRUE(store->Find(absl::StrCat("k", run, "-99")).value().has_value());
  }
}

}  // namespace
}  // namespace recsae::explainer
