#include "clients/cli/text/table.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

constexpr int kGap = 2;
constexpr int kNarrowest = 8;

// Takes columns from the widest flexible one, one by one, until all fit.
void Shrink(const std::vector<Column>& columns, int width, std::vector<int>& widths) {
  int total = std::accumulate(widths.begin(), widths.end(), 0) +
              kGap * (static_cast<int>(widths.size()) - 1);
  while (total > width) {
    int widest = -1;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].flexible && widths[i] > kNarrowest &&
          (widest < 0 || widths[i] > widths[widest])) {
        widest = static_cast<int>(i);
      }
    }
    if (widest < 0) return;
    --widths[widest];
    --total;
  }
}

}  // namespace

std::string Paint(absl::string_view text, Color color, bool enabled) {
  if (!enabled || color == Color::kPlain || text.empty()) return std::string(text);
  const char* code = "0";
  switch (color) {
    case Color::kPlain:
      break;
    case Color::kBold:
      code = "1";
      break;
    case Color::kDim:
      code = "2";
      break;
    case Color::kGreen:
      code = "32";
      break;
    case Color::kRed:
      code = "31";
      break;
    case Color::kYellow:
      code = "33";
      break;
    case Color::kCyan:
      code = "36";
      break;
  }
  return absl::StrCat("\x1b[", code, "m", text, "\x1b[0m");
}

std::string Table::Render(int width, bool color) const {
  std::vector<std::vector<Cell>> lines;
  if (std::any_of(columns_.begin(), columns_.end(),
                  [](const Column& column) { return !column.title.empty(); })) {
    std::vector<Cell>& titles = lines.emplace_back();
    for (const Column& column : columns_) titles.emplace_back(column.title, Color::kDim);
  }
  for (const std::vector<Cell>& row : rows_) {
    std::vector<Cell>& line = lines.emplace_back();
    for (const Cell& cell : row) line.emplace_back(Clean(cell.text), cell.color);
  }

  std::vector<int> widths(columns_.size(), 0);
  for (const std::vector<Cell>& line : lines) {
    for (size_t i = 0; i < line.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(line[i].text));
    }
  }
  if (width > 0) Shrink(columns_, width, widths);

  std::string out;
  for (const std::vector<Cell>& line : lines) {
    std::string text;
    // Blanks wait until something follows them, so that no line ends in blanks.
    size_t blanks = 0;
    for (size_t i = 0; i < line.size() && i < widths.size(); ++i) {
      if (i > 0) blanks += kGap;
      const std::string value = Truncate(line[i].text, widths[i]);
      const auto fill = static_cast<size_t>(widths[i] - DisplayWidth(value));
      if (columns_[i].right) blanks += fill;
      if (!value.empty()) {
        text.append(blanks, ' ');
        blanks = 0;
        absl::StrAppend(&text, Paint(value, line[i].color, color));
      }
      if (!columns_[i].right) blanks += fill;
    }
    absl::StrAppend(&out, text, "\n");
  }
  return out;
}

std::string Bar(double share, int width) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!(share > 0)) share = 0;
  const int eighths = static_cast<int>(std::floor(std::min(share, 1.0) * width * 8));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  return PadRight(bar, width);
}

}  // namespace recsae::cli
