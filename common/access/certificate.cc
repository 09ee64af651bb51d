#include "common/access/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "common/base/status.h"

namespace recsae {
namespace {

template <typename T, void (*Free)(T*)>
struct Freed {
  void operator()(T* value) const { Free(value); }
};
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;

struct CloseBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using File = std::unique_ptr<BIO, CloseBio>;

absl::Status Invalid(const std::string& path, absl::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, "TLS_FILE_INVALID",
               absl::StrCat(path, " cannot be used for TLS: ", why), {{"file", path}});
}

absl::StatusOr<File> Open(const std::string& path) {
  File file(BIO_new_file(path.c_str(), "r"));
  if (file == nullptr) return Invalid(path, "it cannot be read");
  return file;
}

// A key with a passphrase is not asked for it: nobody is there to type it.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

absl::StatusOr<Certificate> ReadCertificate(const std::string& path) {
  RECSAE_ASSIGN_OR_RETURN(const File file, Open(path));
  Certificate certificate(PEM_read_bio_X509(file.get(), nullptr, NoPassphrase, nullptr));
  if (certificate == nullptr) return Invalid(path, "it holds no certificate in PEM");
  return certificate;
}

absl::StatusOr<Key> ReadKey(const std::string& path) {
  RECSAE_ASSIGN_OR_RETURN(const File file, Open(path));
  Key key(PEM_read_bio_PrivateKey(file.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return Invalid(path, "it holds no private key in PEM that can be read without a passphrase");
  }
  return key;
}

absl::StatusOr<absl::Time> ExpiryOf(const X509& certificate, const std::string& path) {
  std::tm when = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &when) != 1) {
    return Invalid(path, "its date of expiry cannot be read");
  }
  return absl::FromTM(when, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<absl::Time> CertificateExpiry(const std::string& path) {
  RECSAE_ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(path));
  return ExpiryOf(*certificate, path);
}

absl::Status CheckTlsFiles(const TlsFiles& files) {
  if (!files.authorities.empty()) {
    RECSAE_RETURN_IF_ERROR(ReadCertificate(files.authorities).status());
  }
  if (files.certificate.empty() && files.key.empty()) return absl::OkStatus();
  if (files.certificate.empty())
    return Invalid(files.key, "the certificate of this key is missing");
  if (files.key.empty()) return Invalid(files.certificate, "its key is missing");
  RECSAE_ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(files.certificate));
  RECSAE_ASSIGN_OR_RETURN(const Key key, ReadKey(files.key));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Invalid(files.certificate, absl::StrCat(files.key, " is not its key"));
  }
  RECSAE_ASSIGN_OR_RETURN(const absl::Time expiry, ExpiryOf(*certificate, files.certificate));
  if (expiry < absl::Now()) {
    return Invalid(files.certificate, absl::StrCat("it expired on ", absl::FormatTime(expiry)));
  }
  return absl::OkStatus();
}

}  // namespace recsae
