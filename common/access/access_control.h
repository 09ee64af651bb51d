// The door of a server: who calls, and whether they may.
#ifndef RECSAE_COMMON_ACCESS_ACCESS_CONTROL_H_
#define RECSAE_COMMON_ACCESS_ACCESS_CONTROL_H_

#include <memory>
#include <optional>

#include "common/access/roles.h"
#include "common/access/tokens.h"

namespace grpc {
class AuthMetadataProcessor;
class ServerContextBase;
namespace experimental {
class ServerInterceptorFactoryInterface;
}  // namespace experimental
}  // namespace grpc

namespace recsae {

class MetricsRegistry;

// Judges each call before any thread or message is spent on it. A caller is known by the bearer
// token that it shows (`authorization: Bearer …`) or, without one, by its client certificate: its
// URI name "recsae:role/writer" says the role and its common name who it is. Whoever is not known
// ends UNAUTHENTICATED (TOKEN_MISSING, TOKEN_UNKNOWN), whose role is too low PERMISSION_DENIED
// (ROLE_TOO_LOW), and a method without a role UNIMPLEMENTED; the reason begins the message. Each is
// counted (recsae_auth_refused_total) and logged, though not more than some a second.
//
// Calls within the process do not come through this door. `tokens`: null where only certificates
// count. `metrics` outlives the processor. Thread-safe.
std::shared_ptr<grpc::AuthMetadataProcessor> MakeAccessControl(std::shared_ptr<Tokens> tokens,
                                                               MetricsRegistry& metrics);

// Puts who calls into the metadata of each call, for CallerOf and CallerName, after what the caller
// itself sent under those keys was removed. `tokens` as for MakeAccessControl; `asks`: whether
// there is such a door at all, without which nobody has a name.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> NameCallers(
    std::shared_ptr<Tokens> tokens, bool asks);

// Who makes a call that came through the door; none where there is no door, or within the process.
std::optional<Identity> CallerOf(const grpc::ServerContextBase& context);

}  // namespace recsae

#endif  // RECSAE_COMMON_ACCESS_ACCESS_CONTROL_H_
