#include "common/access/audit.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_interceptor.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/access/access_control.h"
#include "common/access/roles.h"
#include "common/base/utf8.h"
#include "common/rpc/call_trace.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"

namespace recsae {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using grpc::experimental::InterceptionHookPoints;
using Clock = std::chrono::steady_clock;

constexpr size_t kMaxResourceBytes = 256;
constexpr char kRequestId[] = "request_id";

// Never ids of users or items.
constexpr absl::string_view kNaming[] = {"name",        "parent",         "catalog", "catalog_id",
                                         "recommender", "recommender_id", "capture", "capture_id",
                                         "sae",         "sae_id",         "backup"};

bool NamesResource(absl::string_view field) {
  return std::find(std::begin(kNaming), std::end(kNaming), field) != std::end(kNaming);
}

// Each string field that is set, of the message and of those it holds at the first level.
void ForEachString(const Message& message, bool nested,
                   absl::FunctionRef<void(const FieldDescriptor&, const std::string&)> use) {
  std::vector<const FieldDescriptor*> fields;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_repeated()) continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      std::string scratch;
      use(*field, reflection.GetStringReference(message, field, &scratch));
    } else if (nested && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      ForEachString(reflection.GetMessage(message, field), false, use);
    }
  }
}

absl::string_view CodeName(grpc::StatusCode code) {
  if (code == grpc::StatusCode::OK) return "OK";
  static thread_local std::string name;
  name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
  return name;
}

// One call.
class Audit : public grpc::experimental::Interceptor {
 public:
  explicit Audit(grpc::experimental::ServerRpcInfo* call) : call_(call), start_(Clock::now()) {}

  // A call that ended without a status was cut off.
  ~Audit() override {
    if (!told_) Tell(grpc::StatusCode::CANCELLED);
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (!seen_ && methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE)) {
      See(static_cast<const Message*>(methods->GetRecvMessage()));
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      Tell(methods->GetSendStatus().error_code());
    }
    methods->Proceed();
  }

 private:
  // The first message says what a stream is about.
  void See(const Message* request) {
    if (request == nullptr) return;
    seen_ = true;
    Contain("an audit line", [&] {
      resource_ = ResourceOf(*request);
      request_id_ = RequestIdOf(*request);
      return absl::OkStatus();
    }).IgnoreError();
  }

  void Tell(grpc::StatusCode code) {
    told_ = true;
    Contain("an audit line", [&] {
      const std::optional<Identity> caller = CallerOf(*call_->server_context());
      const std::chrono::duration<double, std::milli> took = Clock::now() - start_;
      const TraceScope trace(TraceOf(call_->server_context()));
      Log(Severity::kInfo, "audit",
          {{"who", caller.has_value() ? caller->name : ""},
           {"peer", call_->server_context()->peer()},
           {"method", call_->method()},
           {"resource", resource_},
           {"request_id", request_id_},
           {"code", CodeName(code)},
           {"ms", took.count()}});
      return absl::OkStatus();
    }).IgnoreError();
  }

  grpc::experimental::ServerRpcInfo* const call_;  // outlives its interceptors
  const Clock::time_point start_;
  bool seen_ = false;
  bool told_ = false;
  std::string resource_;
  std::string request_id_;
};

class AuditFactory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* call) override {
    const std::optional<Role> needed = NeededRole(call->method());
    return needed.has_value() && *needed >= Role::kWriter ? new Audit(call) : nullptr;
  }
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeAudit() {
  return std::make_unique<AuditFactory>();
}

std::string ResourceOf(const Message& request) {
  std::string result;
  ForEachString(request, true, [&](const FieldDescriptor& field, const std::string& value) {
    if (NamesResource(field.name())) absl::StrAppend(&result, result.empty() ? "" : " ", value);
  });
  return ShortenedUtf8(result, kMaxResourceBytes);
}

std::string RequestIdOf(const Message& request) {
  std::string result;
  ForEachString(request, true, [&](const FieldDescriptor& field, const std::string& value) {
    if (field.name() == kRequestId && result.empty()) result = ShortenedUtf8(value, 128);
  });
  return result;
}

}  // namespace recsae
