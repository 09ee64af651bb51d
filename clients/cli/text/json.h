// Messages as the JSON that --json prints.
#ifndef RECSAE_CLIENTS_CLI_TEXT_JSON_H_
#define RECSAE_CLIENTS_CLI_TEXT_JSON_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace recsae::cli {

// Protobuf's JSON with every field, but for 64-bit numbers, which protobuf writes as text: they are
// numbers here up to 2^53, which every reader of JSON takes exactly, and text above. INTERNAL
// (NOT_PRINTABLE) for a message that this client cannot write.
absl::StatusOr<nlohmann::ordered_json> AsJson(const google::protobuf::Message& message);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_JSON_H_
