// absl::Status inside a message: to and from google.rpc.Status, details included.
#ifndef RECSAE_COMMON_MESSAGES_STATUS_H_
#define RECSAE_COMMON_MESSAGES_STATUS_H_

#include "absl/status/status.h"

namespace google::rpc {
class Status;
}  // namespace google::rpc

namespace recsae {

// The domain of every ErrorInfo made here, and the only one that is read as a reason.
inline constexpr char kErrorDomain[] = "recsae";

// Its detail's type.
inline constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

// Code, message, reason and metadata as google.rpc.ErrorInfo, violations as google.rpc.BadRequest,
// every other payload as the Any that it is; nothing is cut. Bytes that are not UTF-8 would make
// the message unreadable; they become '?', here and in Error().
google::rpc::Status ToRpcStatus(const absl::Status& status);

// The reverse. Details that cannot be parsed are left out.
absl::Status FromRpcStatus(const google::rpc::Status& status);

}  // namespace recsae

#endif  // RECSAE_COMMON_MESSAGES_STATUS_H_
