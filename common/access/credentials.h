// gRPC credentials of TLS files that are watched: a certificate that was replaced is shown to who
// connects from a second later on.
#ifndef RECSAE_COMMON_ACCESS_CREDENTIALS_H_
#define RECSAE_COMMON_ACCESS_CREDENTIALS_H_

#include <memory>

#include "common/access/certificate.h"

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace recsae {

// Shows `files.certificate`. With `files.authorities` a client may show one of its own, which must
// then be theirs; without, none is asked for.
std::shared_ptr<grpc::ServerCredentials> ServerTls(const TlsFiles& files);

// Trusts servers whose certificate is of `files.authorities` (empty: the system's) and for their
// name. Shows `files.certificate` where there is one.
std::shared_ptr<grpc::ChannelCredentials> ChannelTls(const TlsFiles& files);

}  // namespace recsae

#endif  // RECSAE_COMMON_ACCESS_CREDENTIALS_H_
