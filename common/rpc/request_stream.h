// Streams of requests, which all have one shape: a message whose `part` is the header, then
// messages whose `part` is anything else.
#ifndef RECSAE_COMMON_RPC_REQUEST_STREAM_H_
#define RECSAE_COMMON_RPC_REQUEST_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/rpc/guard.h"

namespace recsae {

// INVALID_ARGUMENT (STREAM_ORDER_INVALID).
inline absl::Status StreamOrderInvalid(absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, "STREAM_ORDER_INVALID", message);
}

// Reads the first message. INVALID_ARGUMENT (STREAM_ORDER_INVALID) if it holds no header, or if
// there is none.
template <typename Request>
absl::Status ReadHeader(grpc::ServerReader<Request>& reader, Request* message) {
  if (reader.Read(message) && message->has_header()) return absl::OkStatus();
  return StreamOrderInvalid("the first message must hold `header`");
}

// Reads all others into `message`, each followed by `use()`, until that fails. INVALID_ARGUMENT
// (STREAM_ORDER_INVALID) for one that holds the header or nothing. OK means that the caller sent
// all there is: a stream that broke off is the error it broke off with.
template <typename Request, typename Use>
absl::Status ReadParts(const grpc::ServerContextBase* context, grpc::ServerReader<Request>& reader,
                       Request* message, const Use& use) {
  while (reader.Read(message)) {
    RECSAE_RETURN_IF_ERROR(CheckAlive(context));
    if (message->has_header())
      return StreamOrderInvalid("only the first message may hold `header`");
    if (message->part_case() == Request::PART_NOT_SET) {
      return StreamOrderInvalid("a message holds none of the parts");
    }
    RECSAE_RETURN_IF_ERROR(use());
  }
  return CheckAlive(context);
}

// About the bytes that one message of an upload holds while it is stored: as it came, as it is
// taken apart, and as the records that are written.
template <typename Request>
int64_t BytesToStore(const Request& message) {
  return SaturatingProduct(static_cast<int64_t>(message.SpaceUsedLong()), 3);
}

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_REQUEST_STREAM_H_
