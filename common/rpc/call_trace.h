// Traces over calls: taken in from the metadata `traceparent` of each call that is served, passed
// on with each call to another service, and a span for either where spans are exported
// (common/rpc/spans.h).
#ifndef RECSAE_COMMON_RPC_CALL_TRACE_H_
#define RECSAE_COMMON_RPC_CALL_TRACE_H_

#include <memory>
#include <optional>
#include <string>

#include "common/base/trace.h"

namespace grpc {
class ServerContextBase;
namespace experimental {
class ClientInterceptorFactoryInterface;
class ServerInterceptorFactoryInterface;
}  // namespace experimental
}  // namespace grpc

namespace recsae {

// For a server. Without a traceparent, with one that is malformed or with two, a call is of no
// trace; where spans are exported it begins one, unless its service is one of gRPC's own (health,
// reflection).
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> TraceServedCalls();

// The trace of a call that is being served, if its server has TraceServedCalls. Guard makes it the
// CurrentTrace; a callback that runs elsewhere does so itself.
std::optional<TraceContext> TraceOf(const grpc::ServerContextBase* context);

// For a channel: calls made where there is a CurrentTrace carry it. `peer` names the service in
// spans.
std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface> TraceCallsTo(
    std::string peer);

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_CALL_TRACE_H_
