// Where a command writes: results to standard output, progress and messages to standard error.
#ifndef RECSAE_CLIENTS_CLI_SESSION_CONSOLE_H_
#define RECSAE_CLIENTS_CLI_SESSION_CONSOLE_H_

#include <atomic>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"
#include "clients/cli/text/table.h"

namespace recsae::cli {

// Thread-safe.
class Console {
 public:
  // `quiet`: only results and errors. Colours only on terminals, and not where NO_COLOR is set or
  // TERM is "dumb".
  Console(bool quiet, bool no_color);

  // Standard output.
  void Print(absl::string_view text);
  // "text\n" in a colour, for headings.
  void Heading(absl::string_view text);
  void Print(const Table& table);
  // One line, cut to the terminal's width.
  void PrintLine(absl::string_view text);
  // Columns of standard output if it is a terminal, else 0 (any width).
  int width() const { return width_; }
  bool color() const { return color_; }

  // A line on standard error, unless quiet.
  void Say(absl::string_view text);
  // The one line at the bottom that changes in place; does nothing if standard error is no
  // terminal.
  void ShowProgress(absl::string_view line);
  void ClearProgress();
  bool shows_progress() const { return !quiet_ && error_width_ > 0; }
  int error_width() const { return error_width_; }
  bool error_color() const { return error_color_; }

  // A line on standard error, even when quiet.
  void Fail(absl::string_view text);

  // errno of the first text that standard output did not take; 0 if it took all.
  int output_error() const { return output_error_; }

 private:
  void EraseProgressLine();

  const bool quiet_;
  const int width_;
  const int error_width_;
  const bool color_;
  const bool error_color_;
  std::mutex mutex_;
  bool has_progress_line_ = false;
  std::atomic<int> output_error_{0};
};

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_SESSION_CONSOLE_H_
