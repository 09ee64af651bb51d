#include "common/client/peer.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_interceptor.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/access/credentials.h"
#include "common/access/token_sender.h"
#include "common/base/address.h"
#include "common/base/status.h"
#include "common/budget/limits.h"
#include "common/rpc/call_trace.h"
#include "common/rpc/grpc_status.h"

namespace recsae {
namespace {

// The servers' 4 MiB and some room for what is around a message of that size.
constexpr int kMaxReplyBytes = kMaxMessageBytes + 64 * 1024;

constexpr char kDns[] = "dns:///";

grpc::ChannelArguments ArgumentsFor(const std::string& address) {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(kMaxReplyBytes);
  args.SetMaxSendMessageSize(kMaxReplyBytes);
  // Notices a peer whose machine is gone, which TCP alone reports only after many minutes.
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // A peer that was restarted is found again soon.
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  // Addresses of services are never behind the proxy that http_proxy names.
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (absl::StartsWith(address, kDns)) {
    args.SetLoadBalancingPolicyName("round_robin");
    args.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  }
  return args;
}

}  // namespace

absl::Status CheckSecurity(const std::string& address, const ChannelSecurity& security) {
  if (security.tls) RECSAE_RETURN_IF_ERROR(CheckTlsFiles(security.files));
  if (security.token_file.empty()) return absl::OkStatus();
  if (!security.tls && !IsLoopback(address)) {
    return Error(absl::StatusCode::kFailedPrecondition, "TOKEN_IN_PLAINTEXT",
                 absl::StrCat("the token of ", security.token_file, " would go to ", address,
                              " in plaintext, for anyone on the way to read; name the authority of "
                              "its certificate, so that TLS is used"),
                 {{"address", address}});
  }
  return CheckTokenFile(security.token_file);
}

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address,
                                          const ChannelSecurity& security,
                                          const std::string& name) {
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(TraceCallsTo(name));
  if (!security.token_file.empty()) interceptors.push_back(SendToken(security.token_file));
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      address, security.tls ? ChannelTls(security.files) : grpc::InsecureChannelCredentials(),
      ArgumentsFor(address), std::move(interceptors));
}

Peer::Peer(std::string name, std::string address, const ChannelSecurity& security)
    : name_(std::move(name)),
      address_(std::move(address)),
      channel_(NewChannel(address_, security, name_)) {}

Peer::Peer(std::string name) : name_(std::move(name)), address_("this process") {}

void Peer::SetChannel(std::shared_ptr<grpc::Channel> channel) {
  std::lock_guard<std::mutex> lock(mutex_);
  channel_ = std::move(channel);
  has_channel_.notify_all();
}

std::shared_ptr<grpc::ChannelInterface> Peer::channel() const {
  std::unique_lock<std::mutex> lock(mutex_);
  has_channel_.wait(lock, [this] { return channel_ != nullptr; });
  return channel_;
}

absl::Status Peer::FromGrpc(const grpc::Status& status) const {
  absl::Status converted = recsae::FromGrpc(status);
  // A server's own UNAVAILABLE (draining) carries a reason; the transport's does not.
  if (!Reason(converted).empty()) return converted;
  if (absl::IsDeadlineExceeded(converted) || absl::IsCancelled(converted)) {
    return Error(converted.code(), "PEER_CALL_ENDED",
                 absl::StrCat("the call to ", name_, " at ", address_,
                              " ended without an answer: ", status.error_message()),
                 {{"peer", name_}, {"address", address_}});
  }
  if (!absl::IsUnavailable(converted)) return converted;
  const std::string variable =
      absl::StrCat("RECSAE_", absl::AsciiStrToUpper(absl::StrReplaceAll(name_, {{"-", "_"}})));
  return Error(absl::StatusCode::kUnavailable, "PEER_UNAVAILABLE",
               absl::StrCat(name_, " at ", address_, " is not reachable: ", status.error_message(),
                            "; start it or set --", name_, " / ", variable),
               {{"peer", name_}, {"address", address_}});
}

}  // namespace recsae
