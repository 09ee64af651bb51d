// Tables and colours for the terminal.
#ifndef RECSAE_CLIENTS_CLI_TEXT_TABLE_H_
#define RECSAE_CLIENTS_CLI_TEXT_TABLE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace recsae::cli {

enum class Color { kPlain, kBold, kDim, kGreen, kRed, kYellow, kCyan };

// `text` in a colour; as it is where `enabled` is false or it is empty.
std::string Paint(absl::string_view text, Color color, bool enabled);

// One value of a table: text that may come from outside (it is cleaned) and its colour.
struct Cell {
  Cell(std::string t) : text(std::move(t)) {}  // NOLINT(google-explicit-constructor)
  Cell(const char* t) : text(t) {}             // NOLINT(google-explicit-constructor)
  Cell(std::string t, Color c) : text(std::move(t)), color(c) {}
  std::string text;
  Color color = Color::kPlain;
};

struct Column {
  std::string title;
  // Numbers stand on the right.
  bool right = false;
  // Gives way when the table is wider than the terminal.
  bool flexible = false;
};

// Aligned columns, two blanks apart.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Missing cells at the end are empty.
  void Add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }

  // One line for the titles (none if all are empty) and for each row. At most `width` columns as
  // far as flexible columns can give way; 0 = any width.
  std::string Render(int width, bool color) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// A bar of `width` columns, `share` of it full, in eighths of a column.
std::string Bar(double share, int width);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_TABLE_H_
