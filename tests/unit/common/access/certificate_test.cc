#include "common/access/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"

namespace recsae {
namespace {

using ::testing::HasSubstr;

// A self-signed certificate and its key, in files.
class Pair {
 public:
  explicit Pair(const std::string& name, long seconds = 3600)  // NOLINT(google-runtime-int)
      : certificate(absl::StrCat(::testing::TempDir(), "/", name, "-", getpid(), ".crt")),
        key(absl::StrCat(::testing::TempDir(), "/", name, "-", getpid(), ".key")) {
    EVP_PKEY* pair = EVP_RSA_gen(2048);
    X509* made = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -7200);
    X509_gmtime_adj(X509_getm_notAfter(made), seconds);
    X509_set_pubkey(made, pair);
    X509_sign(made, pair, EVP_sha256());
    std::FILE* file = std::fopen(certificate.c_str(), "w");
    PEM_write_X509(file, made);
    std::fclose(file);
    file = std::fopen(key.c_str(), "w");
    PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(made);
    EVP_PKEY_free(pair);
  }
  ~Pair() {
    std::remove(certificate.c_str());
    std::remove(key.c_str());
  }

  const std::string certificate;
  const std::string key;
};

std::string Message(const TlsFiles& files) {
  const absl::Status status = CheckTlsFiles(files);
  EXPECT_EQ(Reason(status), "TLS_FILE_INVALID");
  return std::string(status.message());
}

TEST(CheckTlsFiles, TakesAPairAndAnAuthorityAndNothing) {
  const Pair pair("good");
  EXPECT_TRUE(CheckTlsFiles({}).ok());
  EXPECT_TRUE(CheckTlsFiles({pair.certificate, pair.key, ""}).ok());
  EXPECT_TRUE(CheckTlsFiles({"", "", pair.certificate}).ok());
}

TEST(CheckTlsFiles, SaysWhatIsWrongWithWhichFile) {
  const Pair pair("one");
  const Pair other("other");
  const Pair old("old", -60);
  EXPECT_THAT(Message({pair.certificate, "", ""}), HasSubstr("its key is missing"));
  EXPECT_THAT(Message({"", pair.key, ""}), HasSubstr("the certificate of this key is missing"));
  EXPECT_THAT(Message({pair.certificate, other.key, ""}), HasSubstr("is not its key"));
  EXPECT_THAT(Message({pair.key, pair.key, ""}), HasSubstr("holds no certificate"));
  EXPECT_THAT(Message({pair.certificate, pair.certificate, ""}), HasSubstr("holds no private key"));
  EXPECT_THAT(Message({old.certificate, old.key, ""}), HasSubstr("expired on"));
  EXPECT_THAT(Message({"", "", "/no/such.pem"}), HasSubstr("/no/such.pem"));
}

TEST(CertificateExpiry, IsTheDateInTheFile) {
  const Pair pair("dated", 1000);
  const auto expiry = CertificateExpiry(pair.certificate);
  ASSERT_TRUE(expiry.ok()) << expiry.status();
  EXPECT_NEAR(absl::ToDoubleSeconds(*expiry - absl::Now()), 1000, 30);
}

}  // namespace
}  // namespace recsae
