// Files of TLS: whether they can be used, and until when.
#ifndef RECSAE_COMMON_ACCESS_CERTIFICATE_H_
#define RECSAE_COMMON_ACCESS_CERTIFICATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace recsae {

// PEM files, each empty where it is not used. All are read again when they change.
struct TlsFiles {
  // The certificate that is shown, with those that lead to its authority, and its key.
  std::string certificate;
  std::string key;
  // Authorities by which the other side's certificates are judged.
  std::string authorities;
};

// gRPC says what is wrong with a file only in a log line, and only when somebody connects.
// FAILED_PRECONDITION (TLS_FILE_INVALID) naming the file: one that cannot be read or holds no
// certificate or key, a certificate without its key or with another one's, or one that has expired.
absl::Status CheckTlsFiles(const TlsFiles& files);

// When the first certificate of a PEM file expires.
absl::StatusOr<absl::Time> CertificateExpiry(const std::string& path);

}  // namespace recsae

#endif  // RECSAE_COMMON_ACCESS_CERTIFICATE_H_
