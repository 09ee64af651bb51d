#include "clients/cli/text/edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/cli/text/errors.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {
namespace {

using explainer::v1::Edit;
using testing::HasSubstr;

TEST(ParseEditTest, WordsByStandardDeviations) {
  const auto edit = ParseEdit("horror:+4", 3);
  ASSERT_TRUE(edit.ok()) << edit.status();
  EXPECT_EQ(edit->text(), "horror");
  EXPECT_EQ(edit->max_latents(), 3);
  ASSERT_EQ(edit->operation_case(), Edit::kAdd);
  EXPECT_EQ(edit->add(), 4);
  EXPECT_EQ(ParseEdit("horror:-2.5", 1)->add(), -2.5);
}

TEST(ParseEditTest, Latents) {
  const auto edit = ParseEdit("#17:x10", 3);
  ASSERT_TRUE(edit.ok()) << edit.status();
  ASSERT_EQ(edit->target_case(), Edit::kLatent);
  EXPECT_EQ(edit->latent(), 17);
  EXPECT_EQ(edit->max_latents(), 0);
  ASSERT_EQ(edit->operation_case(), Edit::kScale);
  EXPECT_EQ(edit->scale(), 10);
  // Latent 0 is a latent, not a field left out.
  EXPECT_EQ(ParseEdit("#0:off", 1)->target_case(), Edit::kLatent);
}

TEST(ParseEditTest, EveryOperation) {
  EXPECT_EQ(ParseEdit("a:x-1", 1)->scale(), -1);
  EXPECT_EQ(ParseEdit("a:*0.5", 1)->scale(), 0.5);
  EXPECT_EQ(ParseEdit("a:=2", 1)->set(), 2);
  EXPECT_EQ(ParseEdit("a:=0", 1)->operation_case(), Edit::kSet);
  EXPECT_EQ(ParseEdit("#3:push-1.5", 1)->push(), -1.5);
  EXPECT_EQ(ParseEdit("#3:push0.25", 1)->push(), 0.25);
  EXPECT_TRUE(ParseEdit("a:off", 1)->remove());
  EXPECT_TRUE(ParseEdit("a:OFF", 1)->remove());
}

TEST(ParseEditTest, ReadsAGroup) {
  const auto edit = ParseEdit("@17:-4", 3);
  ASSERT_TRUE(edit.ok()) << edit.status();
  EXPECT_EQ(edit->group(), 17);
  EXPECT_EQ(edit->add(), -4);
}

TEST(ParseEditTest, TheLastColonDivides) {
  EXPECT_EQ(ParseEdit("star trek: voyager:+4", 1)->text(), "star trek: voyager");
  EXPECT_EQ(ParseEdit("  sci-fi : +1 ", 1)->text(), "sci-fi");
}

TEST(ParseEditTest, RefusesWithAnExample) {
  const struct {
    const char* text;
    const char* what;
  } kCases[] = {
      {"horror", "no ':'"},          {":+4", "missing"},         {"#x:+4", "'#x'"},
      {"#-3:+4", "'#-3'"},           {"@x:+4", "'@x'"},          {"#:+4", "'#'"},
      {"#99999999999:+4", "number"}, {"horror:", "none of"},     {"horror:4", "none of"},
      {"horror:+", "none of"},       {"horror:+nan", "none of"}, {"horror:xinf", "none of"},
      {"horror:=-1", "below 0"},     {"horror:+4x", "none of"},  {"horror:x", "none of"},
      {"horror:push", "none of"},    {"horror:pushx", "none of"}};
  for (const auto& c : kCases) {
    const absl::Status status = ParseEdit(c.text, 1).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.text;
    EXPECT_EQ(Reason(status), "EDIT_MALFORMED") << c.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.what)) << c.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("horror:+4"));
    EXPECT_EQ(ExitStatus(status), 2);
  }
}

TEST(FormatEditTest, IsWhatParseEditReads) {
  for (const char* text : {"horror:+4", "horror:-2.5", "#17:x10", "#0:=2", "star wars:off",
                           "@17:off", "#3:push-1.5", "#3:push2"}) {
    EXPECT_EQ(FormatEdit(ParseEdit(text, 1).value()), text);
  }
}

}  // namespace
}  // namespace recsae::cli
