#include "clients/cli/formats/json_lines.h"

#include <google/protobuf/message.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/formats/json_records.h"
#include "common/base/status.h"

namespace recsae::cli {

absl::Status ReadLines(
    const std::string& path,
    const std::function<absl::Status(int number, const std::string& line)>& next) {
  std::ifstream file(path);
  if (!file) {
    return Error(absl::StatusCode::kNotFound, "FILE_NOT_FOUND",
                 absl::StrCat(path, ": ", std::strerror(errno)), {{"file", path}});
  }
  constexpr char kByteOrderMark[] = "\xEF\xBB\xBF";
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, sizeof(kByteOrderMark) - 1);
    absl::StripAsciiWhitespace(&line);
    if (line.empty()) continue;
    RECSAE_RETURN_IF_ERROR(next(number, line));
  }
  if (file.bad()) {
    return Error(absl::StatusCode::kDataLoss, "FILE_NOT_READABLE",
                 absl::StrCat(path, ": ", std::strerror(errno)), {{"file", path}});
  }
  return absl::OkStatus();
}

namespace {

absl::Status InFile(const std::string& path, const std::string& place,
                    const google::protobuf::Message& message, const absl::Status& status) {
  return Error(absl::StatusCode::kInvalidArgument, "FILE_MALFORMED",
               absl::StrCat(path, ", ", place, ": no ", message.GetDescriptor()->name(),
                            " as a JSON object a line: ", std::string(status.message())),
               {{"file", path}, {"line", place}});
}

// One array of all records, as some tools write them.
absl::Status ReadJsonArray(const std::string& path, const std::string& text,
                           google::protobuf::Message& message,
                           const std::function<absl::Status()>& next) {
  const auto records = ParseJsonText(text);
  if (!records.ok()) return InFile(path, "the array", message, records.status());
  for (size_t i = 0; i < records->size(); ++i) {
    const absl::Status filled = FillFromJson((*records)[i], message);
    if (!filled.ok()) return InFile(path, absl::StrCat("element ", i), message, filled);
    RECSAE_RETURN_IF_ERROR(next());
  }
  return absl::OkStatus();
}

// The first line is the beginning of an array, not a record.
bool BeginsArray(const std::string& line) { return !line.empty() && line.front() == '['; }

}  // namespace

absl::Status ReadJsonLines(const std::string& path, google::protobuf::Message& message,
                           const std::function<absl::Status()>& next) {
  std::string array;
  bool first = true;
  RECSAE_RETURN_IF_ERROR(ReadLines(path, [&](int number, const std::string& line) -> absl::Status {
    if (!array.empty() || (first && BeginsArray(line))) {
      absl::StrAppend(&array, line, "\n");
      first = false;
      return absl::OkStatus();
    }
    first = false;
    const auto record = ParseJsonText(line);
    const absl::Status filled = record.ok() ? FillFromJson(*record, message) : record.status();
    if (!filled.ok()) return InFile(path, absl::StrCat("line ", number), message, filled);
    return next();
  }));
  return array.empty() ? absl::OkStatus() : ReadJsonArray(path, array, message, next);
}

}  // namespace recsae::cli
