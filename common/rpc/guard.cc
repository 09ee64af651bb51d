#include "common/rpc/guard.h"

#include <grpcpp/server_context.h>

#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <new>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/caller.h"
#include "common/base/status.h"
#include "common/base/trace.h"
#include "common/budget/memory_budget.h"
#include "common/rpc/call_trace.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/log.h"

namespace recsae {
namespace {

constexpr char kThisCall[] = "this call";

// Streams that hold a thread each, of the 256 that a process serves calls with.
constexpr int kMaxStreams = 96;
constexpr int kMaxStreamsOfPeer = 64;

absl::Status Failed(absl::string_view what, absl::string_view exception) {
  Log(Severity::kError, "handler failed", {{"work", what}, {"exception", exception}});
  return Error(absl::StatusCode::kInternal, "INTERNAL_ERROR",
               absl::StrCat("the server failed in ", what, "; its log says more"));
}

absl::Status Run(absl::string_view what, absl::FunctionRef<absl::Status()> work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    Log(Severity::kError, "out of memory", {{"work", what}});
    return AllocationFailed(what);
  } catch (const std::exception& error) {
    return Failed(what, error.what());
  } catch (...) {
    return Failed(what, "of an unknown type");
  }
}

// "ipv4:10.0.0.7" of "ipv4:10.0.0.7:51234".
std::string AddressOf(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

// The threads of a process are one: so is the count of streams that hold them.
class Streams {
 public:
  absl::Status Add(const std::string& peer) {
    const std::lock_guard<std::mutex> lock(mutex_);
    int& of_peer = by_peer_[peer];
    if (all_ < kMaxStreams && of_peer < kMaxStreamsOfPeer) {
      ++all_;
      ++of_peer;
      return absl::OkStatus();
    }
    const bool full = all_ >= kMaxStreams;
    if (of_peer == 0) by_peer_.erase(peer);
    return Error(
        absl::StatusCode::kResourceExhausted, "OVERLOADED",
        absl::StrCat("as many streams are open as may be: ", full ? kMaxStreams : kMaxStreamsOfPeer,
                     full ? " in all" : " from one address",
                     "; end one, or call again after a while"));
  }

  void Remove(const std::string& peer) {
    const std::lock_guard<std::mutex> lock(mutex_);
    --all_;
    if (--by_peer_[peer] == 0) by_peer_.erase(peer);
  }

 private:
  std::mutex mutex_;
  int all_ = 0;
  std::map<std::string, int> by_peer_;
};

}  // namespace

absl::Status Contain(absl::string_view what, absl::FunctionRef<absl::Status()> work) noexcept {
  try {
    return Run(what, work);
  } catch (...) {  // No room even to say so: a status without a message needs none.
    return absl::Status(absl::StatusCode::kResourceExhausted, "");
  }
}

absl::Status CheckAlive(const grpc::ServerContextBase* context) {
  if (context->deadline() <= std::chrono::system_clock::now()) {
    return Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED",
                 "the time that the caller gave this call is up; call again with a later deadline");
  }
  if (context->IsCancelled()) {
    return Error(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the call was cancelled");
  }
  return absl::OkStatus();
}

std::string ClientMetadata(const grpc::ServerContextBase& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  if (found == context.client_metadata().end()) return "";
  return std::string(found->second.data(), found->second.size());
}

grpc::Status Guard(const grpc::ServerContextBase* context,
                   absl::FunctionRef<absl::Status()> handler) {
  absl::Status status = CheckAlive(context);
  if (!status.ok()) return ToGrpc(status);
  {
    const CallerScope caller([context] { return CheckAlive(context); },
                             [context] { return ClientMetadata(*context, kCallerNameKey); },
                             [context] { return AddressOf(context->peer()); });
    const TraceScope trace(TraceOf(context));
    status = Contain(kThisCall, handler);
  }
  // Work that broke off because its caller is gone may report that in any way (a peer's error, a
  // stream that ended); the cause is what counts.
  if (!status.ok()) {
    if (const absl::Status alive = CheckAlive(context); !alive.ok()) return ToGrpc(alive);
  }
  return ToGrpc(status);
}

grpc::Status GuardStream(const grpc::ServerContextBase* context,
                         absl::FunctionRef<absl::Status()> handler) {
  static auto* const streams = new Streams;
  return Guard(context, [&]() -> absl::Status {
    const std::string peer = AddressOf(context->peer());
    RECSAE_RETURN_IF_ERROR(streams->Add(peer));
    const absl::Cleanup done = [&] { streams->Remove(peer); };
    return handler();
  });
}

}  // namespace recsae
