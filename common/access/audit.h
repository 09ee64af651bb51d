// A line for each call that changes something: who, what, to which resource, and how it ended.
#ifndef RECSAE_COMMON_ACCESS_AUDIT_H_
#define RECSAE_COMMON_ACCESS_AUDIT_H_

#include <memory>
#include <string>

namespace google::protobuf {
class Message;
}  // namespace google::protobuf
namespace grpc::experimental {
class ServerInterceptorFactoryInterface;
}  // namespace grpc::experimental

namespace recsae {

// Logs one line at the end of each call whose method needs a writer or an admin (NeededRole):
//
//   {"message":"audit","who":"ci","peer":"ipv4:10.0.0.7:51234","method":"/recsae.probe.v1.Probe/
//    DeleteCapture","resource":"recommenders/a/captures/b","request_id":"…","code":"OK","ms":1.3}
//
// `who` is empty where callers are not asked who they are, and for calls within the process. Never
// more of a request than ids.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeAudit();

// What a request is about: the values of its fields that name resources or ids of them (`name`,
// `parent`, `sae`, `sae_id`, …), also those of its header, joined by blanks and cut to 256 bytes.
std::string ResourceOf(const google::protobuf::Message& request);
// Its field `request_id`, or that of its header; "" without one.
std::string RequestIdOf(const google::protobuf::Message& request);

}  // namespace recsae

#endif  // RECSAE_COMMON_ACCESS_AUDIT_H_
