#include "services/explainer/language/prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/base/status.h"

namespace recsae::explainer {
namespace {

using ::testing::HasSubstr;

std::string Folder(const std::string& name) {
  std::string folder = ::testing::TempDir() + "/prompts-" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

TEST(PromptsTest, OurOwnAreWhole) {
  const Prompts prompts = LoadPrompts("").value();
  EXPECT_EQ(prompts.hash.size(), 64U);
  const auto messages = prompts.detect.Fill({{"description", "a {{cases}}"}, {"cases", "1. x"}});
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[3].role, "user");
  EXPECT_EQ(messages[3].content, "Description: a {{cases}}\n1. x") << "values are not looked into";
}

TEST(PromptsTest, AFileTakesThePlaceOfOneOfThem) {
  const std::string folder = Folder("own");
  std::ofstream(folder + "/level.txt") << "[user]\n{{description}} / {{case}} / {{other}}\n";
  const Prompts prompts = LoadPrompts(folder).value();
  const auto messages = prompts.level.Fill({{"description", "d"}, {"case", "c"}});
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].content, "d / c / {{other}}");
  EXPECT_NE(prompts.hash, LoadPrompts("").value().hash);
}

TEST(PromptsTest, SaysWhatIsWrongWithAFile) {
  for (const char* text : {"{{description}} {{case}}", "[system]\n{{description}} {{case}}",
                           "[user]\n{{description}}", ""}) {
    const std::string folder = Folder("bad");
    std::ofstream(folder + "/level.txt") << text;
    const absl::Status status = LoadPrompts(folder).status();
    EXPECT_EQ(Reason(status), "PROMPT_INVALID") << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("level.txt"));
  }
  EXPECT_EQ(Reason(LoadPrompts("/nowhere/prompts").status()), "PROMPT_INVALID");
}

}  // namespace
}  // namespace recsae::explainer
