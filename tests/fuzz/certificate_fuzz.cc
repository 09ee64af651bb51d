// Bytes as files for TLS: refused with a reason, or a certificate that expires some time.
#include <cstddef>
#include <cstdint>

#include "common/access/certificate.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string file =
      recsae::fuzz::WriteInput("pem", {reinterpret_cast<const char*>(data), size});
  recsae::fuzz::RequireGoodError(recsae::CertificateExpiry(file).status());
  recsae::TlsFiles files;
  files.certificate = files.key = files.authorities = file;  // PEM may hold all in one
  recsae::fuzz::RequireGoodError(recsae::CheckTlsFiles(files));
  return 0;
}
