// absl::Status on the wire: to and from grpc::Status and google::rpc::Status, details included.
#ifndef RECSAE_COMMON_RPC_GRPC_STATUS_H_
#define RECSAE_COMMON_RPC_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace google::rpc {
class Status;
}  // namespace google::rpc

namespace recsae {

// The domain of every ErrorInfo made here, and the only one that is read as a reason.
inline constexpr char kErrorDomain[] = "recsae";

// Code, message, reason and metadata as google.rpc.ErrorInfo, violations as google.rpc.BadRequest,
// every other payload as the Any that it is, in the google.rpc.Status of the details. What
// would not fit the trailers that gRPC clients accept (8 KiB) is cut: the message beyond 1 KiB,
// then every detail but ErrorInfo.
grpc::Status ToGrpc(const absl::Status& status);

// The reverse. Details that cannot be parsed are left out.
absl::Status FromGrpc(const grpc::Status& status);

// Bytes that are not UTF-8 would make the message unreadable; they become '?' here and in Error().
//
// The same for a status inside a message, for example recsae.jobs.v1.Job.error. Nothing is cut.
google::rpc::Status ToRpcStatus(const absl::Status& status);
absl::Status FromRpcStatus(const google::rpc::Status& status);

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_GRPC_STATUS_H_
