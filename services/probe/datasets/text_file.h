// Reading text files of records: lines and delimited tables, with malformed lines counted and
// named.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_TEXT_FILE_H_
#define RECSAE_SERVICES_PROBE_DATASETS_TEXT_FILE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace recsae::probe {

// Asked every few milliseconds by whatever reads or makes a data set: OK, or why to stop. `bytes`
// of text were read so far. Empty: nobody wants to stop it.
using Proceed = std::function<absl::Status(int64_t bytes)>;

// The course of reading the files of one data set.
struct Reading {
  Proceed proceed;
  int64_t bytes = 0;
  // Lines that readers skipped. A few are forgiven; see ReadLines.
  int64_t malformed_lines = 0;
  std::vector<std::string> malformed;  // at most kMalformedNamed: "file:line: what is wrong"

  absl::Status MayProceed() const { return proceed ? proceed(bytes) : absl::OkStatus(); }
};
inline constexpr size_t kMalformedNamed = 10;
// No line of a table is longer; a file that has one is not such a table.
inline constexpr size_t kMaxLineBytes = size_t{16} << 20;

// Says what is wrong with a record, or nothing ("") when it was taken.
using ParseLine = std::function<std::string(absl::string_view line)>;
using Fields = std::vector<std::string>;
using ParseFields = std::function<std::string(const Fields& fields)>;

// Hands each line (without its end, a leading byte-order mark or CR; empty lines left out) to
// `parse`. Lines it refuses are noted in `reading`, which also says when to stop.
// Errors: NOT_FOUND (DATA_FILE_NOT_FOUND) names the file; INVALID_ARGUMENT (DATASET_MALFORMED)
// names file and line when more than 1 % of the file's lines are refused, or one is longer than
// kMaxLineBytes; what reading->proceed returns.
absl::Status ReadLines(const std::string& path, Reading* reading, const ParseLine& parse);

// A table with a header line, separated by tabs if the header has one and by commas otherwise;
// fields may be quoted ("a ""b"", c"). `header` may refuse the table by a status; rows whose number
// of fields differs from the header's are malformed. A file without any line is INVALID_ARGUMENT.
absl::Status ReadTable(const std::string& path, Reading* reading,
                       const std::function<absl::Status(const Fields&)>& header,
                       const ParseFields& parse);

// Splits one line of a table. False if a quote is left open.
bool SplitFields(absl::string_view line, char delimiter, Fields* fields);

// ISO-8859-1 to UTF-8; text that is valid UTF-8 already is returned as it is.
std::string ToUtf8(absl::string_view text);

// Column of a table by name (any of `names`, any case): its index, or -1.
int FindColumn(const Fields& header, std::initializer_list<absl::string_view> names);

// The error for a file whose content cannot be used at `line` (from 1).
absl::Status MalformedError(const std::string& path, int64_t line, absl::string_view problem);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_TEXT_FILE_H_
