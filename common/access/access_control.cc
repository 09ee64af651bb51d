#include "common/access/access_control.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_interceptor.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"
#include "common/rpc/metrics.h"

namespace recsae {
namespace {

constexpr char kAuthorization[] = "authorization";
constexpr char kBearer[] = "bearer ";
constexpr char kPath[] = ":path";

// Refusals that are logged in a second; a flood of them is counted alone.
constexpr int kLoggedASecond = 10;

absl::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

std::string FirstProperty(const grpc::AuthContext& context, const char* name) {
  const std::vector<grpc::string_ref> values = context.FindPropertyValues(name);
  return values.empty() ? "" : std::string(View(values.front()));
}

absl::Status Refusal(absl::StatusCode code, absl::string_view reason, absl::string_view message) {
  return Error(code, reason, absl::StrCat(reason, ": ", message));
}

// By the URI names of a client certificate, which the handshake has verified.
std::optional<Identity> OfCertificate(const grpc::AuthContext& context) {
  std::optional<Identity> identity;
  for (const grpc::string_ref& uri : context.FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    const std::optional<Role> known = RoleOfUri(View(uri));
    if (!known.has_value()) continue;
    if (!identity.has_value()) {
      identity = Identity{FirstProperty(context, GRPC_X509_CN_PROPERTY_NAME), *known};
    }
    identity->role = std::max(identity->role, *known);
  }
  return identity;
}

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

// By the token that is shown, else by the certificate.
absl::StatusOr<Identity> Identify(const Metadata& metadata, const grpc::AuthContext& context,
                                  Tokens* tokens) {
  const auto header = metadata.find(kAuthorization);
  if (header == metadata.end()) {
    if (std::optional<Identity> identity = OfCertificate(context)) return *std::move(identity);
    return Refusal(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING",
                   "send a token as metadata `authorization: Bearer TOKEN` (recsae --token-file), "
                   "or a client certificate with the URI name recsae:role/…");
  }
  absl::string_view token = View(header->second);
  if (!absl::StartsWithIgnoreCase(token, kBearer)) {
    return Refusal(absl::StatusCode::kUnauthenticated, "TOKEN_UNKNOWN",
                   "authorization is not `Bearer TOKEN`");
  }
  token = absl::StripAsciiWhitespace(token.substr(sizeof(kBearer) - 1));
  std::optional<Identity> identity;
  if (tokens != nullptr) identity = tokens->Find(token);
  if (identity.has_value()) return *std::move(identity);
  return Refusal(absl::StatusCode::kUnauthenticated, "TOKEN_UNKNOWN",
                 "the token is none of this server's --tokens");
}

class AccessControl : public grpc::AuthMetadataProcessor {
 public:
  AccessControl(std::shared_ptr<Tokens> tokens, MetricsRegistry& metrics)
      : tokens_(std::move(tokens)) {
    for (const char* reason :
         {"TOKEN_MISSING", "TOKEN_UNKNOWN", "ROLE_TOO_LOW", "NO_SUCH_METHOD"}) {
      refused_.emplace(reason, metrics.GetCounter("recsae_auth_refused_total",
                                                  "Calls that were refused at the door, by reason.",
                                                  {{"reason", reason}}));
    }
  }

  // Some microseconds: on the thread that reads from the connection.
  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* /*consumed*/, OutputMetadata* /*response*/) override {
    const auto found = metadata.find(kPath);
    const absl::string_view path = found == metadata.end() ? "" : View(found->second);
    std::optional<Identity> identity;
    const absl::Status status =
        Contain("judging a call", [&] { return Judge(metadata, *context, path, &identity); });
    if (status.ok()) return grpc::Status::OK;
    Tell(status, path, identity);
    return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                        std::string(status.message()));
  }

 private:
  absl::Status Judge(const InputMetadata& metadata, const grpc::AuthContext& context,
                     absl::string_view path, std::optional<Identity>* identity) const {
    const std::optional<Role> needed = NeededRole(path);
    if (needed == Role::kAnyone) return absl::OkStatus();
    RECSAE_ASSIGN_OR_RETURN(*identity, Identify(metadata, context, tokens_.get()));
    if (!needed.has_value()) {
      return Refusal(absl::StatusCode::kUnimplemented, "NO_SUCH_METHOD",
                     absl::StrCat("there is no method ", path));
    }
    if ((*identity)->role >= *needed) return absl::OkStatus();
    return Refusal(absl::StatusCode::kPermissionDenied, "ROLE_TOO_LOW",
                   absl::StrCat(path, " needs the role ", RoleName(*needed), "; ",
                                (*identity)->name, " is a ", RoleName((*identity)->role)));
  }

  void Tell(const absl::Status& status, absl::string_view path,
            const std::optional<Identity>& identity) {
    const std::string reason = Reason(status);
    const auto counter = refused_.find(reason);
    if (counter != refused_.end()) counter->second.Increment();
    int64_t unlogged = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      if (now - second_ >= std::chrono::seconds(1)) {
        second_ = now;
        logged_ = 0;
      }
      if (++logged_ > kLoggedASecond) {
        ++unlogged_;
        return;
      }
      unlogged = std::exchange(unlogged_, 0);
    }
    Log(Severity::kWarning, "audit: call refused",
        {{"method", NeededRole(path).has_value() ? path : "unknown"},
         {"who", identity.has_value() ? identity->name : ""},
         {"reason", reason},
         {"refusals_not_logged_before", unlogged}});
  }

  const std::shared_ptr<Tokens> tokens_;
  std::map<std::string, Counter> refused_;  // by reason
  std::mutex mutex_;
  std::chrono::steady_clock::time_point second_;
  int logged_ = 0;  // in this second
  int64_t unlogged_ = 0;
};

// Names the caller of one call.
class Namer : public grpc::experimental::Interceptor {
 public:
  Namer(grpc::experimental::ServerRpcInfo* call, Tokens* tokens, bool asks)
      : call_(call), tokens_(tokens), asks_(asks) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      Contain("naming a caller", [&] {
        Name(*methods->GetRecvInitialMetadata());
        return absl::OkStatus();
      }).IgnoreError();
    }
    methods->Proceed();
  }

 private:
  void Name(Metadata& metadata) {
    metadata.erase(kCallerNameKey);
    metadata.erase(kCallerRoleKey);
    if (!asks_) return;
    const std::shared_ptr<const grpc::AuthContext> context =
        call_->server_context()->auth_context();
    absl::StatusOr<Identity> identity = Identify(metadata, *context, tokens_);
    if (identity.ok()) {
      name_ = std::move(identity->name);
      role_ = std::string(RoleName(identity->role));
    } else if (Reason(identity.status()) == "TOKEN_MISSING") {
      return;  // from within the process, or a method that is anyone's
    } else {   // its token was revoked since it passed the door
      role_ = std::string(RoleName(Role::kReader));
    }
    metadata.emplace(kCallerNameKey, name_);
    metadata.emplace(kCallerRoleKey, role_);
  }

  grpc::experimental::ServerRpcInfo* const call_;  // outlives its interceptors
  Tokens* const tokens_;
  const bool asks_;
  std::string name_;  // what the metadata refer to
  std::string role_;
};

class NamerFactory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  NamerFactory(std::shared_ptr<Tokens> tokens, bool asks)
      : tokens_(std::move(tokens)), asks_(asks) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* call) override {
    return new Namer(call, tokens_.get(), asks_);
  }

 private:
  const std::shared_ptr<Tokens> tokens_;
  const bool asks_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> NameCallers(
    std::shared_ptr<Tokens> tokens, bool asks) {
  return std::make_unique<NamerFactory>(std::move(tokens), asks);
}

std::shared_ptr<grpc::AuthMetadataProcessor> MakeAccessControl(std::shared_ptr<Tokens> tokens,
                                                               MetricsRegistry& metrics) {
  return std::make_shared<AccessControl>(std::move(tokens), metrics);
}

std::optional<Identity> CallerOf(const grpc::ServerContextBase& context) {
  const std::optional<Role> role = ParseRole(ClientMetadata(context, kCallerRoleKey));
  if (!role.has_value()) return std::nullopt;
  return Identity{ClientMetadata(context, kCallerNameKey), *role};
}

}  // namespace recsae
