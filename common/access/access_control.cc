#include "common/access/access_control.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"
#include "common/rpc/metrics.h"

namespace recsae {
namespace {

constexpr char kRoleUri[] = "recsae:role/";
constexpr char kAuthorization[] = "authorization";
constexpr char kPath[] = ":path";

// Refusals that are logged in a second; a flood of them is counted alone.
constexpr int kLoggedASecond = 10;

absl::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

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
    absl::string_view role = View(uri);
    if (!absl::ConsumePrefix(&role, kRoleUri)) continue;
    const std::optional<Role> known = ParseRole(role);
    if (!known.has_value()) continue;
    if (!identity.has_value()) {
      identity = Identity{FirstProperty(context, GRPC_X509_CN_PROPERTY_NAME), *known};
    }
    identity->role = std::max(identity->role, *known);
  }
  return identity;
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
                       OutputMetadata* consumed, OutputMetadata* /*response*/) override {
    const auto found = metadata.find(kPath);
    const absl::string_view path = found == metadata.end() ? "" : View(found->second);
    std::optional<Identity> identity;
    const absl::Status status = Contain(
        "judging a call", [&] { return Judge(metadata, *context, path, &identity, consumed); });
    if (identity.has_value()) {
      context->AddProperty(kCallerNameProperty, identity->name);
      context->AddProperty(kCallerRoleProperty, std::string(RoleName(identity->role)));
    }
    if (status.ok()) return grpc::Status::OK;
    Tell(status, path, identity);
    return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                        std::string(status.message()));
  }

 private:
  absl::Status Judge(const InputMetadata& metadata, const grpc::AuthContext& context,
                     absl::string_view path, std::optional<Identity>* identity,
                     OutputMetadata* consumed) const {
    const std::optional<Role> needed = NeededRole(path);
    if (needed == Role::kAnyone) return absl::OkStatus();
    RECSAE_RETURN_IF_ERROR(Identify(metadata, context, identity, consumed));
    if (!needed.has_value()) {
      return Refusal(absl::StatusCode::kUnimplemented, "NO_SUCH_METHOD",
                     absl::StrCat("there is no method ", path));
    }
    if ((*identity)->role >= *needed) return absl::OkStatus();
    return Refusal(absl::StatusCode::kPermissionDenied, "ROLE_TOO_LOW",
                   absl::StrCat(path, " needs the role ", RoleName(*needed), "; ",
                                (*identity)->name, " is a ", RoleName((*identity)->role)));
  }

  absl::Status Identify(const InputMetadata& metadata, const grpc::AuthContext& context,
                        std::optional<Identity>* identity, OutputMetadata* consumed) const {
    const auto header = metadata.find(kAuthorization);
    if (header == metadata.end()) {
      *identity = OfCertificate(context);
      if (identity->has_value()) return absl::OkStatus();
      return Refusal(
          absl::StatusCode::kUnauthenticated, "TOKEN_MISSING",
          "send a token as metadata `authorization: Bearer TOKEN` (recsae --token-file), "
          "or a client certificate with the URI name recsae:role/…");
    }
    consumed->emplace(kAuthorization, std::string(View(header->second)));
    absl::string_view token = View(header->second);
    const bool bearer = absl::StartsWithIgnoreCase(token, "bearer ");
    if (bearer) token = absl::StripAsciiWhitespace(token.substr(sizeof("bearer")));
    if (bearer && tokens_ != nullptr) *identity = tokens_->Find(token);
    if (identity->has_value()) return absl::OkStatus();
    return Refusal(absl::StatusCode::kUnauthenticated, "TOKEN_UNKNOWN",
                   bearer ? "the token is none of this server's --tokens"
                          : "authorization is not `Bearer TOKEN`");
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

}  // namespace

std::shared_ptr<grpc::AuthMetadataProcessor> MakeAccessControl(std::shared_ptr<Tokens> tokens,
                                                               MetricsRegistry& metrics) {
  return std::make_shared<AccessControl>(std::move(tokens), metrics);
}

std::optional<Identity> CallerOf(const grpc::ServerContextBase& context) {
  const std::optional<Role> role = ParseRole(CallerProperty(context, kCallerRoleProperty));
  if (!role.has_value()) return std::nullopt;
  return Identity{CallerProperty(context, kCallerNameProperty), *role};
}

}  // namespace recsae
