// The caller's side of tokens.
#ifndef RECSAE_COMMON_ACCESS_TOKEN_SENDER_H_
#define RECSAE_COMMON_ACCESS_TOKEN_SENDER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"

namespace grpc::experimental {
class ClientInterceptorFactoryInterface;
}  // namespace grpc::experimental

namespace recsae {

// FAILED_PRECONDITION (TOKEN_FILE_UNREADABLE) unless the first line of the file is a token.
absl::Status CheckTokenFile(const std::string& path);

// Sends the first line of `path` as `authorization: Bearer …` with every call of a channel. The
// file is looked at once a second at most; where it cannot be read, the last token goes on being
// sent.
std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface> SendToken(
    const std::string& path);

}  // namespace recsae

#endif  // RECSAE_COMMON_ACCESS_TOKEN_SENDER_H_
