// absl::Status on the wire: to and from grpc::Status, details included.
#ifndef RECSAE_COMMON_RPC_GRPC_STATUS_H_
#define RECSAE_COMMON_RPC_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "common/messages/status.h"  // IWYU pragma: export

namespace recsae {

// Code, message, reason and metadata as google.rpc.ErrorInfo, violations as google.rpc.BadRequest,
// every other payload as the Any that it is, in the google.rpc.Status of the details. What
// would not fit the trailers that gRPC clients accept (8 KiB) is cut: the message beyond 1 KiB,
// then every detail but ErrorInfo.
grpc::Status ToGrpc(const absl::Status& status);

// The reverse. Details that cannot be parsed are left out.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_GRPC_STATUS_H_
