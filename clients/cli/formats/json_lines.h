// Files with one message a line, as JSON.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_JSON_LINES_H_
#define RECSAE_CLIENTS_CLI_FORMATS_JSON_LINES_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace recsae::cli {

// Reads every line that is not blank into `message` (FillFromJson) and calls `next`, whose error
// ends the reading. A file may be one array of such objects instead. INVALID_ARGUMENT
// (FILE_MALFORMED) names file and line; NOT_FOUND (FILE_NOT_FOUND).
absl::Status ReadJsonLines(const std::string& path, google::protobuf::Message& message,
                           const std::function<absl::Status()>& next);

// Calls `next` with every line that is not blank, blanks around it and a byte order mark removed.
absl::Status ReadLines(
    const std::string& path,
    const std::function<absl::Status(int number, const std::string& line)>& next);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_JSON_LINES_H_
