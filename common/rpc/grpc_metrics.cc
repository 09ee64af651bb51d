#include "common/rpc/grpc_metrics.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_interceptor.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "common/base/status.h"
#include "common/base/trace.h"
#include "common/rpc/call_trace.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"
#include "common/rpc/metrics.h"
#include "common/rpc/service_names.h"

namespace recsae {
namespace {

using grpc::experimental::InterceptionHookPoints;
using Clock = std::chrono::steady_clock;

// As Go's codes.Code prints them, by number.
constexpr std::array<const char*, 17> kCodeNames = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

const char* TypeOf(const google::protobuf::MethodDescriptor& method) {
  if (method.client_streaming()) {
    return method.server_streaming() ? "bidi_stream" : "client_stream";
  }
  return method.server_streaming() ? "server_stream" : "unary";
}

// The metrics of one method; all but the first from their first use on. Thread-safe.
class MethodMetrics {
 public:
  MethodMetrics(MetricsRegistry& registry, Labels labels)
      : registry_(registry),
        labels_(std::move(labels)),
        started_(registry.GetCounter("grpc_server_started_total",
                                     "Total number of RPCs started on the server.", labels_)) {}

  void Started() { started_.Increment(); }
  void Received() {
    if (MakeRest()) received_.Increment();
  }
  void Sent() {
    if (MakeRest()) sent_.Increment();
  }
  void Ended(size_t code, double seconds) {
    if (!MakeRest()) return;
    Handled(code).Increment();
    seconds_.Observe(seconds);
  }

 private:
  // False for want of memory; then something is not counted, and the call goes on.
  bool MakeRest() {
    if (made_.load(std::memory_order_acquire)) return true;
    return Contain("measuring a call",
                   [this] {
                     const std::lock_guard<std::mutex> lock(mutex_);
                     if (made_) return absl::OkStatus();
                     received_ = registry_.GetCounter(
                         "grpc_server_msg_received_total",
                         "Total number of messages received on the server.", labels_);
                     sent_ = registry_.GetCounter("grpc_server_msg_sent_total",
                                                  "Total number of messages sent by the server.",
                                                  labels_);
                     seconds_ = registry_.GetHistogram(
                         "grpc_server_handling_seconds",
                         "Time from the start of an RPC to its status, in seconds.",
                         DurationBuckets(), labels_);
                     made_.store(true, std::memory_order_release);
                     return absl::OkStatus();
                   })
        .ok();
  }

  Counter Handled(size_t code) {
    if (code >= kCodeNames.size()) code = grpc::StatusCode::UNKNOWN;
    std::atomic<bool>& known = known_[code];
    if (!known.load(std::memory_order_acquire)) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (known) return handled_[code];
      Labels labels = labels_;
      labels["grpc_code"] = kCodeNames[code];
      handled_[code] =
          registry_.GetCounter("grpc_server_handled_total",
                               "Total number of RPCs completed on the server, by status.", labels);
      known.store(true, std::memory_order_release);
    }
    return handled_[code];
  }

  MetricsRegistry& registry_;
  const Labels labels_;
  const Counter started_;
  std::mutex mutex_;
  std::atomic<bool> made_{false};
  Counter received_{nullptr};
  Counter sent_{nullptr};
  Histogram seconds_{nullptr};
  std::array<std::atomic<bool>, kCodeNames.size()> known_{};
  std::vector<Counter> handled_ = std::vector<Counter>(kCodeNames.size(), Counter(nullptr));
};

// Metrics by path, "/package.Service/Method". Filled when the server is built, only read after.
class MethodTable {
 public:
  explicit MethodTable(MetricsRegistry& registry)
      : registry_(registry), unknown_(registry, LabelsOf("unknown", "unknown", "unknown")) {}

  void AddService(const std::string& name) {
    const google::protobuf::ServiceDescriptor* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    if (service == nullptr) return;
    for (int i = 0; i < service->method_count(); ++i) {
      const google::protobuf::MethodDescriptor& method = *service->method(i);
      methods_.try_emplace("/" + name + "/" + method.name(), registry_,
                           LabelsOf(TypeOf(method), name, method.name()));
    }
  }

  MethodMetrics& Find(const char* path) {
    const auto found = methods_.find(path);
    return found == methods_.end() ? unknown_ : found->second;
  }

 private:
  static Labels LabelsOf(const std::string& type, const std::string& service,
                         const std::string& method) {
    return {{"grpc_type", type}, {"grpc_service", service}, {"grpc_method", method}};
  }

  MetricsRegistry& registry_;
  MethodMetrics unknown_;
  std::unordered_map<std::string, MethodMetrics> methods_;
};

// Codes that say that the server, not the caller, is at fault.
bool IsFault(grpc::StatusCode code) {
  return code == grpc::StatusCode::INTERNAL || code == grpc::StatusCode::DATA_LOSS ||
         code == grpc::StatusCode::UNKNOWN;
}

// Measures one call.
class CallMeter : public grpc::experimental::Interceptor {
 public:
  CallMeter(grpc::experimental::ServerRpcInfo* call, MethodMetrics& metrics,
            std::shared_ptr<std::atomic<int64_t>> active)
      : call_(call), metrics_(metrics), active_(std::move(active)), start_(Clock::now()) {
    metrics_.Started();
    ++*active_;
  }

  // A call that ended without a status was cut off.
  ~CallMeter() override {
    if (!handled_) Measure([] { return grpc::Status::CANCELLED; });
    --*active_;
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE) &&
        methods->GetRecvMessage() != nullptr) {
      metrics_.Received();
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_MESSAGE)) {
      metrics_.Sent();
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      Measure([methods] { return methods->GetSendStatus(); });
    }
    methods->Proceed();
  }

 private:
  // A count may be lost for want of memory; the call goes on.
  void Measure(absl::FunctionRef<grpc::Status()> end) {
    Contain("measuring a call", [&] {
      const grpc::Status status = end();
      Handled(status.error_code());
      if (IsFault(status.error_code())) LogFault(status);
      return absl::OkStatus();
    }).IgnoreError();
  }

  void LogFault(const grpc::Status& status) const {
    const TraceScope trace(TraceOf(call_->server_context()));
    Log(Severity::kError, "call failed",
        {{"method", call_->method()},
         {"code", kCodeNames[status.error_code()]},
         {"reason", Reason(FromGrpc(status))},
         {"detail", status.error_message()}});
  }

  void Handled(grpc::StatusCode code) {
    handled_ = true;
    metrics_.Ended(static_cast<size_t>(code),
                   std::chrono::duration<double>(Clock::now() - start_).count());
  }

  grpc::experimental::ServerRpcInfo* const call_;  // outlives its interceptors
  MethodMetrics& metrics_;
  const std::shared_ptr<std::atomic<int64_t>> active_;
  const Clock::time_point start_;
  bool handled_ = false;
};

class CallMeterFactory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  CallMeterFactory(std::shared_ptr<MethodTable> table, std::shared_ptr<std::atomic<int64_t>> active)
      : table_(std::move(table)), active_(std::move(active)) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    return new CallMeter(info, table_->Find(info->method()), active_);
  }

 private:
  const std::shared_ptr<MethodTable> table_;
  const std::shared_ptr<std::atomic<int64_t>> active_;
};

}  // namespace

std::shared_ptr<const std::atomic<int64_t>> AddGrpcMetrics(
    grpc::ServerBuilder& builder, MetricsRegistry& registry,
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>&
        interceptors) {
  auto active = std::make_shared<std::atomic<int64_t>>(0);
  auto table = std::make_shared<MethodTable>(registry);
  ReceiveServiceNames(builder, [table](const std::vector<std::string>& services) {
    for (const std::string& service : services) table->AddService(service);
    table->AddService("grpc.reflection.v1alpha.ServerReflection");
  });
  interceptors.push_back(std::make_unique<CallMeterFactory>(std::move(table), active));
  return active;
}

}  // namespace recsae
