// Records of other tools (pandas, exports of databases) as messages of ours.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_JSON_RECORDS_H_
#define RECSAE_CLIENTS_CLI_FORMATS_JSON_RECORDS_H_

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace recsae::cli {

// The JSON value of a text, in which NaN and Infinity, which pandas and Python write, are null.
// INVALID_ARGUMENT (FILE_MALFORMED) that says what is wrong.
absl::StatusOr<nlohmann::ordered_json> ParseJsonText(absl::string_view text);

// Fills `message` from an object. A field may be named in camel or snake case, texts may be numbers
// or truth values (7, 7.0 and "7" are one id), and null is as good as missing. Of an Item,
// {"genre": "Horror"} and {"attributes": {"genre": ["Horror"]}} are attributes as well, and
// `item_id`, `item` and `name` are understood. INVALID_ARGUMENT (FILE_MALFORMED) that names the
// field and those there are.
absl::Status FillFromJson(const nlohmann::ordered_json& record, google::protobuf::Message& message);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_JSON_RECORDS_H_
