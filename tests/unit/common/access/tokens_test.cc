#include "common/access/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/sha256.h"
#include "common/base/status.h"

namespace recsae {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Renamed over the old one, as Kubernetes and careful people replace files.
void Write(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  std::rename((path + ".new").c_str(), path.c_str());
}

TEST(ParseTokens, TakesLinesCommentsAndBlanks) {
  const auto table = ParseTokens(absl::StrCat("# people\r\n\n  ci\twriter ", Sha256Hex("one"),
                                              " # the build\nanna admin ", Sha256Hex("two")));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->size(), 2U);
  EXPECT_EQ(table->at(Sha256Hex("one")).name, "ci");
  EXPECT_EQ(table->at(Sha256Hex("one")).role, Role::kWriter);
  EXPECT_EQ(table->at(Sha256Hex("two")).role, Role::kAdmin);
}

TEST(ParseTokens, NamesTheLineThatIsWrong) {
  const std::string good = absl::StrCat("ci writer ", Sha256Hex("one"), "\n");
  const std::pair<std::string, const char*> cases[] = {
      {"ci writer", "2 words"},
      {"ci boss " + Sha256Hex("a"), "'boss' is not reader, writer or admin"},
      {"ci writer 1234", "64 hex digits"},
      {"x reader " + Sha256Hex("one"), "stands in a line before"}};
  for (const auto& [line, why] : cases) {
    const auto table = ParseTokens(good + line);
    EXPECT_EQ(Reason(table.status()), "TOKEN_FILE_INVALID") << line;
    EXPECT_THAT(std::string(table.status().message()), HasSubstr(why));
    EXPECT_THAT(std::string(table.status().message()), HasSubstr("line 2"));
  }
}

TEST(ParseTokens, NeverShowsWhatMayBeAToken) {
  const auto table = ParseTokens("ci writer my-secret-token");
  EXPECT_THAT(std::string(table.status().message()), Not(HasSubstr("my-secret-token")));
}

TEST(ParseTokens, RefusesAFileWithoutTokens) {
  EXPECT_EQ(Reason(ParseTokens("# nobody\n").status()), "TOKEN_FILE_INVALID");
}

TEST(Tokens, AreReadAnewWhenTheFileChanges) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/tokens-", getpid());
  EXPECT_EQ(Reason(Tokens::Open(path).status()), "TOKEN_FILE_UNREADABLE");
  Write(path, absl::StrCat("ci writer ", Sha256Hex("one"), "\n"));
  auto tokens = Tokens::Open(path);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  ASSERT_TRUE((*tokens)->Find("one").has_value());
  EXPECT_EQ((*tokens)->Find("one")->name, "ci");
  EXPECT_FALSE((*tokens)->Find("two").has_value());

  Write(path, absl::StrCat("anna admin ", Sha256Hex("two"), "\n"));
  const auto seen = [&](const char* token, bool known) {
    for (int i = 0; i < 300; ++i) {
      if ((*tokens)->Find(token).has_value() == known) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  EXPECT_TRUE(seen("two", true));
  EXPECT_FALSE((*tokens)->Find("one").has_value()) << "a revoked token is still taken";

  // A mistake in the file locks nobody out.
  Write(path, "anna admin\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_TRUE((*tokens)->Find("two").has_value());

  // A token that was shown before is not remembered with its old role.
  Write(path, absl::StrCat("anna reader ", Sha256Hex("two"), "\n"));
  EXPECT_TRUE(seen("two", true));
  for (int i = 0; i < 300 && (*tokens)->Find("two")->role != Role::kReader; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ((*tokens)->Find("two")->role, Role::kReader);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace recsae
