#include "common/access/token_sender.h"

#include <grpcpp/support/client_interceptor.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/file_watch.h"
#include "common/base/status.h"
#include "common/rpc/guard.h"

namespace recsae {
namespace {

using grpc::experimental::InterceptionHookPoints;

constexpr size_t kMaxTokenBytes = 4096;  // with other headers it stays below gRPC's 8 KiB

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  const auto bad = [&path](absl::string_view why) {
    return Error(absl::StatusCode::kFailedPrecondition, "TOKEN_FILE_UNREADABLE",
                 absl::StrCat("no token can be had from ", path, ": ", why), {{"file", path}});
  };
  std::ifstream in(path);
  std::string line(kMaxTokenBytes + 2, '\0');
  if (!in) return bad("it cannot be read");
  in.getline(line.data(), static_cast<std::streamsize>(line.size()));
  if (line[kMaxTokenBytes] != '\0') return bad("its first line is longer than 4096 bytes");
  const std::string token(absl::StripAsciiWhitespace(line.c_str()));
  if (token.empty()) return bad("its first line is empty");
  if (!std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) {
    return bad("its first line holds what no header may hold");
  }
  return token;
}

class TokenFile {
 public:
  explicit TokenFile(std::string path) : file_(std::move(path)) {}

  std::string Token() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (file_.Changed()) {
      absl::StatusOr<std::string> token = ReadToken(file_.path());
      if (token.ok()) token_ = *std::move(token);
    }
    return token_;
  }

 private:
  FileWatch file_;
  std::mutex mutex_;
  std::string token_;
};

class Sender : public grpc::experimental::Interceptor {
 public:
  explicit Sender(TokenFile& file) : file_(file) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      Contain("sending a token", [&] {
        const std::string token = file_.Token();
        if (!token.empty()) {
          methods->GetSendInitialMetadata()->emplace("authorization",
                                                     absl::StrCat("Bearer ", token));
        }
        return absl::OkStatus();
      }).IgnoreError();
    }
    methods->Proceed();
  }

 private:
  TokenFile& file_;
};

class SenderFactory : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit SenderFactory(const std::string& path) : file_(path) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*info*/) override {
    return new Sender(file_);
  }

 private:
  TokenFile file_;  // as long as the channel
};

}  // namespace

absl::Status CheckTokenFile(const std::string& path) { return ReadToken(path).status(); }

std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface> SendToken(
    const std::string& path) {
  return std::make_unique<SenderFactory>(path);
}

}  // namespace recsae
