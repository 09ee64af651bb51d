#include "common/rpc/call_trace.h"

#include <grpc/grpc.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/client_interceptor.h>
#include <grpcpp/support/server_interceptor.h>

#include <iterator>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/rpc/guard.h"
#include "common/rpc/spans.h"

namespace recsae {
namespace {

using grpc::StatusCode;
using grpc::experimental::InterceptionHookPoints;
using Incoming = std::multimap<grpc::string_ref, grpc::string_ref>;

// Of gRPC's own services: asked every few seconds by whoever watches the server.
constexpr char kOwnServices[] = "/grpc.";

std::optional<TraceContext> ReadTrace(const Incoming& metadata) {
  const auto [first, end] = metadata.equal_range(kTraceParent);
  if (first == end || std::next(first) != end) return std::nullopt;
  return ParseTraceParent(absl::string_view(first->second.data(), first->second.size()));
}

// As OpenTelemetry has it for servers: what the caller did wrong is no fault.
bool IsServerFault(StatusCode code) {
  return code == StatusCode::UNKNOWN || code == StatusCode::DEADLINE_EXCEEDED ||
         code == StatusCode::UNIMPLEMENTED || code == StatusCode::INTERNAL ||
         code == StatusCode::UNAVAILABLE || code == StatusCode::DATA_LOSS;
}

// "/package.Service/Method" -> a span named "package.Service/Method". May throw.
Span SpanOfCall(const char* path, StatusCode code) {
  Span span;
  const absl::string_view name = absl::StripPrefix(path, "/");
  const size_t slash = name.rfind('/');
  span.name = std::string(name);
  span.end = absl::Now();
  span.attributes.emplace_back("rpc.system", "grpc");
  span.attributes.emplace_back("rpc.service", std::string(name.substr(0, slash)));
  if (slash != absl::string_view::npos) {
    span.attributes.emplace_back("rpc.method", std::string(name.substr(slash + 1)));
  }
  span.numbers.emplace_back("rpc.grpc.status_code", code);
  if (code != StatusCode::OK) {
    span.error = std::string(absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
  }
  return span;
}

// The common end of both. A span may be lost for want of memory; the call goes on.
template <typename Fill>
void Emit(const std::optional<TraceContext>& context, const Fill& fill) {
  SpanReceiver* const receiver = CurrentSpanReceiver();
  if (receiver == nullptr) return;
  Contain("a span of a call", [&] {
    Span span = fill();
    span.context = *context;
    receiver->Take(std::move(span));
    return absl::OkStatus();
  }).IgnoreError();
}

class ServedCall : public grpc::experimental::Interceptor {
 public:
  explicit ServedCall(grpc::experimental::ServerRpcInfo* call) : call_(call) {}

  // A call that ended without a status was cut off.
  ~ServedCall() override { End(StatusCode::CANCELLED); }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      Begin();
    }
    if (exported_ && methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      Contain("a span of a call", [&] {
        End(methods->GetSendStatus().error_code());
        return absl::OkStatus();
      }).IgnoreError();
    }
    methods->Proceed();
  }

 private:
  void Begin() {
    grpc::ServerContextBase* const context = call_->server_context();
    const std::optional<TraceContext> parent = ReadTrace(context->client_metadata());
    context_ = SpanBelow(parent, !absl::StartsWith(call_->method(), kOwnServices));
    if (!context_.has_value()) return;
    // gRPC's own place for what a tracer knows of a call.
    grpc_census_call_set_context(context->c_call(), reinterpret_cast<census_context*>(&*context_));
    exported_ = IsExported(context_);
    if (!exported_) return;
    if (parent.has_value()) parent_id_ = parent->span_id;
    start_ = absl::Now();
  }

  void End(StatusCode code) {
    if (!std::exchange(exported_, false)) return;
    Emit(context_, [&] {
      Span span = SpanOfCall(call_->method(), code);
      span.kind = Span::Kind::kServer;
      span.parent_id = parent_id_;
      span.start = start_;
      span.failed = IsServerFault(code);
      span.attributes.emplace_back("network.peer.address", call_->server_context()->peer());
      return span;
    });
  }

  grpc::experimental::ServerRpcInfo* const call_;  // outlives its interceptors
  std::optional<TraceContext> context_;
  uint64_t parent_id_ = 0;
  absl::Time start_;
  bool exported_ = false;
};

class ServedCalls : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* call) override {
    return new ServedCall(call);
  }
};

class MadeCall : public grpc::experimental::Interceptor {
 public:
  MadeCall(const char* method, const std::string& peer, const TraceContext& parent)
      : method_(method),
        peer_(peer),
        parent_(parent),
        context_(SpanBelow(parent, false)),
        exported_(IsExported(context_)) {
    if (exported_) start_ = absl::Now();
  }

  // Ended without an answer: whoever made the call did not wait for its end.
  ~MadeCall() override { End(StatusCode::CANCELLED); }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      Contain("passing a trace on", [&] {
        methods->GetSendInitialMetadata()->emplace(kTraceParent, FormatTraceParent(*context_));
        return absl::OkStatus();
      }).IgnoreError();
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_STATUS)) {
      End(methods->GetRecvStatus()->error_code());
    }
    methods->Proceed();
  }

 private:
  void End(StatusCode code) {
    if (!std::exchange(exported_, false)) return;
    Emit(context_, [&] {
      Span span = SpanOfCall(method_, code);
      span.kind = Span::Kind::kClient;
      span.parent_id = parent_.span_id;
      span.start = start_;
      span.failed = code != StatusCode::OK;
      span.attributes.emplace_back("peer.service", peer_);
      return span;
    });
  }

  const char* const method_;
  const std::string& peer_;
  const TraceContext parent_;
  const std::optional<TraceContext> context_;
  bool exported_;
  absl::Time start_;
};

class MadeCalls : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit MadeCalls(std::string peer) : peer_(std::move(peer)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* call) override {
    const std::optional<TraceContext> trace = CurrentTrace();
    return trace.has_value() ? new MadeCall(call->method(), peer_, *trace) : nullptr;
  }

 private:
  const std::string peer_;  // the channel lives as long as its calls
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> TraceServedCalls() {
  return std::make_unique<ServedCalls>();
}

std::optional<TraceContext> TraceOf(const grpc::ServerContextBase* context) {
  const auto* const trace = reinterpret_cast<const TraceContext*>(context->census_context());
  return trace == nullptr ? std::nullopt : std::optional(*trace);
}

std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface> TraceCallsTo(
    std::string peer) {
  return std::make_unique<MadeCalls>(std::move(peer));
}

}  // namespace recsae
