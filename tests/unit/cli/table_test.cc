#include "clients/cli/text/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using testing::ElementsAre;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  lines.pop_back();
  return lines;
}

TEST(TableTest, AlignsColumns) {
  Table table({{"NAME"}, {"ROWS", true}});
  table.Add({"é", "1"});
  table.Add({"longer", "1,000"});
  EXPECT_THAT(Lines(table.Render(0, false)),
              ElementsAre("NAME     ROWS", "é           1", "longer  1,000"));
}

TEST(TableTest, LeavesNoBlanksAtTheEndsOfLines) {
  Table table({{"A"}, {"B"}, {"C"}});
  table.Add({"1", "", ""});
  table.Add({"1"});
  table.Add({"", "", "x"});
  EXPECT_THAT(Lines(table.Render(0, false)), ElementsAre("A  B  C", "1", "1", "      x"));
}

TEST(TableTest, FlexibleColumnsGiveWayTheWidestFirst) {
  Table table({{"ID"}, {"TITLE", false, true}, {"GENRE", false, true}});
  table.Add({"1", std::string(50, 't'), std::string(12, 'g')});
  const std::string text = table.Render(40, false);
  for (const std::string& line : Lines(text)) EXPECT_LE(DisplayWidth(line), 40) << line;
  EXPECT_NE(text.find(std::string(12, 'g')), std::string::npos) << text;
  EXPECT_NE(text.find("…"), std::string::npos) << text;
}

TEST(TableTest, FixedColumnsKeepTheirWidth) {
  Table table({{"ID"}});
  table.Add({"0123456789"});
  EXPECT_THAT(Lines(table.Render(4, false)), ElementsAre("ID", "0123456789"));
}

TEST(TableTest, NoTitlesNoTitleLine) {
  Table table({{""}, {""}});
  table.Add({"a", "b"});
  EXPECT_THAT(Lines(table.Render(0, false)), ElementsAre("a  b"));
}

TEST(TableTest, ColoursDoNotCountAsColumns) {
  Table table({{"A"}, {"B"}});
  table.Add({{"x", Color::kGreen}, "y"});
  EXPECT_THAT(Lines(table.Render(0, true)),
              ElementsAre("\x1b[2mA\x1b[0m  \x1b[2mB\x1b[0m", "\x1b[32mx\x1b[0m  y"));
}

TEST(TableTest, CellsAreCleaned) {
  Table table({{"A"}, {"B"}});
  table.Add({"a\nb", "\x1b[31m"});
  EXPECT_THAT(Lines(table.Render(0, false)), ElementsAre("A    B", "a b  \xEF\xBF\xBD[31m"));
}

TEST(BarTest, FillsInEighths) {
  EXPECT_EQ(Bar(0, 4), "    ");
  EXPECT_EQ(Bar(1, 4), "████");
  EXPECT_EQ(Bar(0.5, 4), "██  ");
  EXPECT_EQ(Bar(1.0 / 32, 4), "▏   ");
  EXPECT_EQ(Bar(2, 4), "████");
  EXPECT_EQ(Bar(-1, 4), "    ");
  for (int i = 0; i <= 100; ++i) EXPECT_EQ(DisplayWidth(Bar(i / 100.0, 7)), 7) << i;
}

}  // namespace
}  // namespace recsae::cli
