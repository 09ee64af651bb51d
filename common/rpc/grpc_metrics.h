// The usual gRPC server metrics, for every method of a server:
//   grpc_server_started_total, grpc_server_handled_total{grpc_code},
//   grpc_server_msg_received_total, grpc_server_msg_sent_total, grpc_server_handling_seconds
// with the labels grpc_type, grpc_service and grpc_method. Names and values are those of
// go-grpc-prometheus, which the common dashboards expect. The first of them is there for each
// method from the start; the others of a method from its first call on, or they would be most of
// what is served. And a log line for each call that ends with a code that blames the server
// (INTERNAL, DATA_LOSS, UNKNOWN): method, code, reason, message.
//
// A message above the limit of the server is refused by the transport, which tells the caller
// RESOURCE_EXHAUSTED but nobody here: a unary call is not counted at all, a stream as what its
// handler made of it, mostly Canceled.
#ifndef RECSAE_COMMON_RPC_GRPC_METRICS_H_
#define RECSAE_COMMON_RPC_GRPC_METRICS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace grpc {
class ServerBuilder;
namespace experimental {
class ServerInterceptorFactoryInterface;
}  // namespace experimental
}  // namespace grpc

namespace recsae {

class MetricsRegistry;

// Measures every call to the server that `builder` will build; returns the number of calls going
// on. Calls of methods that the server does not have all count under the label value "unknown".
// What measures goes into `interceptors`, for the caller to give to the builder. `registry` must
// outlive the server.
std::shared_ptr<const std::atomic<int64_t>> AddGrpcMetrics(
    grpc::ServerBuilder& builder, MetricsRegistry& registry,
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>&
        interceptors);

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_GRPC_METRICS_H_
