// One HTTP request and its answer, by libcurl.
#ifndef RECSAE_COMMON_ENDPOINT_EXCHANGE_H_
#define RECSAE_COMMON_ENDPOINT_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace recsae {

struct HttpRequest {
  std::string url;
  std::string body;  // JSON
  std::string key;   // "" = none
  absl::Duration timeout;
  int64_t max_answer_bytes = 0;
};

struct HttpAnswer {
  // 0: none came, and `failure` says why.
  long status = 0;  // NOLINT(google-runtime-int): libcurl's
  std::string body;
  std::string failure;
  bool passing = false;  // whether another attempt may go better, where none came
  bool timed_out = false;
  bool too_large = false;
  absl::Duration retry_after;
};

// Connections that are kept open between requests. Thread-safe.
class HttpConnections {
 public:
  HttpConnections();
  ~HttpConnections();

  // An answer, good or bad; an error only where CheckCaller has one.
  absl::StatusOr<HttpAnswer> Post(const HttpRequest& request);

 private:
  class Connection;
  std::unique_ptr<Connection> Take();
  void GiveBack(std::unique_ptr<Connection> connection);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

// The parts of `url` that may be told: scheme, host, port and path; "" if it is no URL of http or
// https with a host.
std::string TellableUrl(const std::string& url);
// `url` with `path` after its own, before its query.
std::string WithPath(const std::string& url, const std::string& path);
// The password in `url`, as it is sent; "" if none.
std::string PasswordOf(const std::string& url);

}  // namespace recsae

#endif  // RECSAE_COMMON_ENDPOINT_EXCHANGE_H_
