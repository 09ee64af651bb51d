// Tables of records: delimited text, JSON lines, Python dictionaries.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_TABLE_H_
#define RECSAE_SERVICES_PROBE_DATASETS_TABLE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/datasets/columns.h"
#include "services/probe/datasets/reading.h"

namespace recsae::probe {

// Says what is wrong with a record, or nothing ("") when it was taken.
using ParseLine = std::function<std::string(absl::string_view line)>;
// The fields of a record, one for each column of the header; valid during the call.
using Fields = std::vector<absl::string_view>;
using ParseFields = std::function<std::string(const Fields& fields)>;
// Takes the header of a file, or refuses the file.
using TakeHeader = std::function<absl::Status(const Header& header)>;

// What is known of a table beyond what its text tells.
struct TableForm {
  std::vector<std::string> columns = {};  // of a file without a header line; empty: it has one
  bool numbered = false;                  // no header line: the columns are called 1, 2, ...
  std::string delimiter = {};             // empty: recognised by the header (or first) line
  bool quotes = true;                     // fields may be "quoted"
};

// Hands each line (without its end; empty lines left out) to `parse`. Lines it refuses are noted in
// `reading`, which also says when to stop.
// Errors: NOT_FOUND (DATA_FILE_NOT_FOUND) names the file; INVALID_ARGUMENT (DATASET_MALFORMED)
// names file and line when more than 1 % of the file's lines are refused, or one is longer than
// kMaxLineBytes; what reading->proceed returns.
absl::Status ReadLines(const std::string& path, Reading* reading, const ParseLine& parse);

// Reads a table. Delimited text: with tab, comma, semicolon, bar or "::" as the header line shows;
// fields may be quoted ("a ""b"", c", also over several lines); an unnamed column of row numbers
// and an empty field after the last one are allowed for; header lines within the file are left out.
// JSON: an object a line, or a list of objects; also Python dictionaries; its columns are the names
// that the first thousand objects have. `header` may refuse the table; records whose number of
// fields differs from the header's are malformed. A file without any line is INVALID_ARGUMENT.
// Errors also as ReadLines.
absl::Status ReadTable(const std::string& path, const TableForm& form, Reading* reading,
                       const TakeHeader& header, const ParseFields& parse);

// The header that ReadTable would hand out, from the file's beginning.
absl::StatusOr<Header> PeekHeader(const std::string& path, const TableForm& form, Reading* reading);

// Splits one record at `delimiter`. Quoted fields are written to `scratch`, which the fields point
// into. False if a quote is left open. backslashes: a backslash before a quote always makes it one
// of the text; else only where the field does not end there.
bool SplitFields(absl::string_view line, absl::string_view delimiter, bool quotes,
                 std::string* scratch, Fields* fields, bool backslashes = false);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_TABLE_H_
