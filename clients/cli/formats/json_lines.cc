#include "clients/cli/formats/json_lines.h"

#include <google/protobuf/util/json_util.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
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
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
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

absl::Status ReadJsonLines(const std::string& path, google::protobuf::Message& message,
                           const std::function<absl::Status()>& next) {
  return ReadLines(path, [&](int number, const std::string& line) {
    message.Clear();
    const auto status = google::protobuf::util::JsonStringToMessage(line, &message);
    if (!status.ok()) {
      // The first line; the others point into the text.
      const absl::string_view reason(status.message().data(), status.message().size());
      return Error(
          absl::StatusCode::kInvalidArgument, "FILE_MALFORMED",
          absl::StrCat(path, ", line ", number, ": not a ", message.GetDescriptor()->full_name(),
                       " as JSON: ", reason.substr(0, reason.find('\n'))),
          {{"file", path}, {"line", absl::StrCat(number)}});
    }
    return next();
  });
}

}  // namespace recsae::cli
