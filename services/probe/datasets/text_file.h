// Reading text files of records: lines and delimited tables, with malformed lines counted and
// named.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_TEXT_FILE_H_
#define RECSAE_SERVICES_PROBE_DATASETS_TEXT_FILE_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace recsae::probe {

// Lines that readers skipped. A few are forgiven; see ReadLines.
struct Malformed {
  int64_t count = 0;
  std::vector<std::string> first;  // at most kMalformedNamed: "file:line: what is wrong"
};
inline constexpr size_t kMalformedNamed = 10;

// Says what is wrong with a record, or nothing ("") when it was taken.
using ParseLine = std::function<std::string(absl::string_view line)>;
using Fields = std::vector<std::string>;
using ParseFields = std::function<std::string(const Fields& fields)>;

// Hands each line (without its end, a leading byte-order mark or CR; empty lines left out) to
// `parse`. Lines it refuses are added to `malformed`.
// Errors: NOT_FOUND (DATA_FILE_NOT_FOUND) names the file; INVALID_ARGUMENT (DATASET_MALFORMED)
// names file and line when more than 1 % of the file's lines are refused; ABORTED
// (DATASET_READ_STOPPED) when `stop` is requested meanwhile.
absl::Status ReadLines(const std::string& path, const std::stop_token& stop, Malformed* malformed,
                       const ParseLine& parse);

// A table with a header line, separated by tabs if the header has one and by commas otherwise;
// fields may be quoted ("a ""b"", c"). `header` may refuse the table by a status; rows whose number
// of fields differs from the header's are malformed. A file without any line is INVALID_ARGUMENT.
absl::Status ReadTable(const std::string& path, const std::stop_token& stop, Malformed* malformed,
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
