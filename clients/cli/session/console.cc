#include "clients/cli/session/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

constexpr int kUsualWidth = 80;

// 0 if `descriptor` is not a terminal.
int TerminalWidth(int descriptor) {
  if (isatty(descriptor) == 0) return 0;
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualWidth;
  return size.ws_col;
}

bool ColorWanted() {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  return term != nullptr && absl::string_view(term) != "dumb";
}

// 0, or errno.
int Write(std::FILE* file, absl::string_view text) {
  errno = 0;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fflush(file) == 0 && written) return 0;
  return errno != 0 ? errno : EIO;
}

}  // namespace

Console::Console(bool quiet, bool no_color)
    : quiet_(quiet),
      width_(TerminalWidth(STDOUT_FILENO)),
      error_width_(TerminalWidth(STDERR_FILENO)),
      color_(width_ > 0 && !no_color && ColorWanted()),
      error_color_(error_width_ > 0 && !no_color && ColorWanted()) {}

void Console::Print(absl::string_view text) {
  std::lock_guard<std::mutex> lock(mutex_);
  EraseProgressLine();
  const int error = Write(stdout, text);
  int none = 0;
  if (error != 0) output_error_.compare_exchange_strong(none, error);
}

void Console::Heading(absl::string_view text) {
  Print(absl::StrCat(Paint(text, Color::kBold, color_), "\n"));
}

void Console::Print(const Table& table) { Print(table.Render(width_, color_)); }

void Console::PrintLine(absl::string_view text) {
  Print(absl::StrCat(width_ > 0 ? Truncate(text, width_) : std::string(text), "\n"));
}

void Console::Say(absl::string_view text) {
  if (quiet_) return;
  Fail(text);
}

void Console::ShowProgress(absl::string_view line) {
  if (!shows_progress()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  EraseProgressLine();
  Write(stderr, line);
  has_progress_line_ = true;
}

void Console::ClearProgress() {
  std::lock_guard<std::mutex> lock(mutex_);
  EraseProgressLine();
}

void Console::Fail(absl::string_view text) {
  std::lock_guard<std::mutex> lock(mutex_);
  EraseProgressLine();
  Write(stderr, absl::StrCat(text, "\n"));
}

void Console::EraseProgressLine() {
  if (!has_progress_line_) return;
  Write(stderr, "\r\x1b[K");
  has_progress_line_ = false;
}

}  // namespace recsae::cli
