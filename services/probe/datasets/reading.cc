#include "services/probe/datasets/reading.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "services/probe/datasets/encoding.h"

namespace recsae::probe {
namespace {

constexpr size_t kProblemBytes = 200;

}  // namespace

std::string Reading::At(absl::string_view what) const {
  return absl::StrCat(file, ":", line, ": ", what);
}

std::string Reading::Text(absl::string_view text) {
  std::string utf8 = ToUtf8(text);
  if (!IsCleanUtf8(text)) tallies.Add(Event::kTextConverted, [&] { return At(utf8); });
  return utf8;
}

absl::Status MalformedError(const std::string& path, int64_t line, absl::string_view problem) {
  return Error(absl::StatusCode::kInvalidArgument, "DATASET_MALFORMED",
               absl::StrCat(path, ":", line, ": ", problem),
               {{"file", path}, {"line", absl::StrCat(line)}});
}

Refusals::Refusals(const std::string& path, Reading* reading) : path_(path), reading_(reading) {
  reading->file = ToUtf8(std::filesystem::path(path).filename().string());
  reading->line = 0;
}

void Refusals::Note(int64_t line, const std::string& problem) {
  ++lines_;
  if (problem.empty()) return;
  const std::string shown = ShortenedUtf8(ToUtf8(problem), kProblemBytes);
  if (refused_++ == 0) first_refused_ = line, first_problem_ = shown;
  ++reading_->malformed_lines;
  if (reading_->malformed.size() < kMalformedNamed) {
    reading_->malformed.push_back(absl::StrCat(reading_->file, ":", line, ": ", shown));
  }
}

absl::Status Refusals::Check() const {
  if (refused_ * 100 <= lines_) return absl::OkStatus();
  return MalformedError(path_, first_refused_,
                        absl::StrCat(first_problem_, " (and ", refused_ - 1, " more of ", lines_,
                                     " lines; at most 1 % may be malformed)"));
}

}  // namespace recsae::probe
