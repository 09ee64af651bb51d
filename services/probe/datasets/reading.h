// The course of reading the files of one data set: where it is, what it holds, what it left out.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_READING_H_
#define RECSAE_SERVICES_PROBE_DATASETS_READING_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/probe/datasets/remarks.h"

namespace recsae::probe {

// Asked every few milliseconds by whatever reads or makes a data set: OK, or why to stop. `bytes`
// of memory are held by then, or soon will be. Empty: nobody wants to stop it.
using Proceed = std::function<absl::Status(int64_t bytes)>;

struct Reading {
  Proceed proceed;
  int64_t held = 0;  // bytes of memory: of what was taken from the files
  Tallies tallies;
  std::string file;  // the name of the file being read, without its folder
  int64_t line = 0;  // of that file, from 1
  // Lines that readers skipped. A few are forgiven; see ReadLines.
  int64_t malformed_lines = 0;
  std::vector<std::string> malformed;  // at most kMalformedNamed: "file:line: what is wrong"

  absl::Status MayProceed() const { return proceed ? proceed(held) : absl::OkStatus(); }
  // "file:line: <what>".
  std::string At(absl::string_view what) const;
  // `text` as valid UTF-8; counted if it was not.
  std::string Text(absl::string_view text);
};
inline constexpr size_t kMalformedNamed = 10;
// No line is longer; a file that has one is not such a table.
inline constexpr size_t kMaxLineBytes = size_t{16} << 20;

// The error for a file whose content cannot be used at `line` (from 1).
absl::Status MalformedError(const std::string& path, int64_t line, absl::string_view problem);

// Counts the lines of one file that are refused.
class Refusals {
 public:
  // Starts with the file at `path`.
  Refusals(const std::string& path, Reading* reading);
  // Notes what became of the record at `line`: taken (""), or what is wrong with it.
  void Note(int64_t line, const std::string& problem);
  // INVALID_ARGUMENT (DATASET_MALFORMED) when more than 1 % of the lines were refused.
  absl::Status Check() const;

 private:
  std::string path_;
  Reading* reading_;
  int64_t lines_ = 0, refused_ = 0, first_refused_ = 0;
  std::string first_problem_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_READING_H_
