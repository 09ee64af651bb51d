// The names of a server's services ("recsae.probe.v1.Probe"), which gRPC tells only to plugins.
#ifndef RECSAE_COMMON_RPC_SERVICE_NAMES_H_
#define RECSAE_COMMON_RPC_SERVICE_NAMES_H_

#include <functional>
#include <string>
#include <vector>

namespace grpc {
class ServerBuilder;
}  // namespace grpc

namespace recsae {

// Calls `receive` from within builder.BuildAndStart(), before the server takes calls, with the
// services registered by then (gRPC's own reflection service may come later).
void ReceiveServiceNames(grpc::ServerBuilder& builder,
                         std::function<void(const std::vector<std::string>&)> receive);

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_SERVICE_NAMES_H_
