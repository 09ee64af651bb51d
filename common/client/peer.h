// Another service, as its clients see it: a name, an address, a channel, and errors that say which
// service failed and how to reach it.
#ifndef RECSAE_COMMON_CLIENT_PEER_H_
#define RECSAE_COMMON_CLIENT_PEER_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/access/certificate.h"

namespace grpc {
class Channel;
class ChannelInterface;
class Status;
}  // namespace grpc

namespace recsae {

// How a caller makes itself known to the services that it calls, and they to it.
struct ChannelSecurity {
  // TLS, judged by and shown with `files`; without it calls are plaintext.
  bool tls = false;
  TlsFiles files;
  // File of the bearer token that is sent with each call; "" sends none.
  std::string token_file;
};

// FAILED_PRECONDITION for files that cannot be used (TLS_FILE_INVALID, TOKEN_FILE_UNREADABLE), and
// for a token that would go to `address` in plaintext over more than this machine
// (TOKEN_IN_PLAINTEXT).
absl::Status CheckSecurity(const std::string& address, const ChannelSecurity& security);

// A channel to "host:port" that connects at the first call and again after a failure, with
// keepalive and the suite's message limit (4 MiB and a margin). "dns:///host:port" shares calls
// among all addresses of the host, and looks for new ones when one goes away. Its calls carry the
// CurrentTrace of who makes them; `name` is the service's in spans.
std::shared_ptr<grpc::Channel> NewChannel(const std::string& address,
                                          const ChannelSecurity& security = {},
                                          const std::string& name = "");

// One service that this process calls. Thread-safe.
class Peer {
 public:
  // `name`: "probe", "trainer", "concept-store", "explainer"; also the flag that sets its address.
  Peer(std::string name, std::string address, const ChannelSecurity& security = {});

  // A service in the same process, whose channel arrives with SetChannel once the server runs.
  explicit Peer(std::string name);

  const std::string& name() const { return name_; }
  // "127.0.0.1:7401", or "this process".
  const std::string& address() const { return address_; }

  void SetChannel(std::shared_ptr<grpc::Channel> channel);

  // The channel; waits for SetChannel where the peer is in the same process.
  std::shared_ptr<grpc::ChannelInterface> channel() const;

  // Status of a call to this peer. A peer that cannot be reached becomes UNAVAILABLE, reason
  // PEER_UNAVAILABLE (metadata `peer`, `address`), naming the peer, its address and the flag to
  // set. A call that ended by its own deadline or was cancelled keeps its code and gets the peer's
  // name and the reason PEER_CALL_ENDED. Every other error keeps its code and details.
  absl::Status FromGrpc(const grpc::Status& status) const;

 private:
  const std::string name_;
  const std::string address_;
  mutable std::mutex mutex_;
  mutable std::condition_variable has_channel_;
  std::shared_ptr<grpc::Channel> channel_;
};

// The stub of a service on a peer, made at its first use. Thread-safe. Who only passes it on needs
// no more than a declaration of the service; who calls includes its .grpc.pb.h.
//
//   PeerStub<probe::v1::Probe> probe(peer);
//   absl::Status status = probe.peer().FromGrpc(probe->GetCatalog(&context, request, &response));
//
// In a handler make the client context with grpc::ClientContext::FromServerContext, so that the
// caller's deadline and cancellation reach the peer.
template <typename Service>
class PeerStub {
 public:
  explicit PeerStub(std::shared_ptr<Peer> peer) : peer_(std::move(peer)) {}

  const Peer& peer() const { return *peer_; }

  // Service::Stub*. Not said as the return type, which would ask for the service's definition
  // wherever a PeerStub is named.
  auto operator->() {
    std::call_once(once_, [this] { stub_ = Service::NewStub(peer_->channel()); });
    return static_cast<typename Service::Stub*>(stub_.get());
  }

 private:
  const std::shared_ptr<Peer> peer_;
  std::once_flag once_;
  std::shared_ptr<void> stub_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_CLIENT_PEER_H_
