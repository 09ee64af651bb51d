#include "common/endpoint/exchange.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/caller.h"
#include "common/base/status.h"

namespace recsae {
namespace {

constexpr size_t kMaxIdle = 16;
constexpr int kPollMilliseconds = 50;  // how soon it is seen that nobody waits any more
constexpr absl::Duration kConnectTimeout = absl::Seconds(10);

struct Received {
  HttpAnswer* answer;
  int64_t limit;
};

size_t Receive(const char* data, size_t size, size_t count, void* to) {
  auto& received = *static_cast<Received*>(to);
  std::string& body = received.answer->body;
  if (static_cast<int64_t>(body.size() + size * count) > received.limit) {
    received.answer->too_large = true;
    return 0;
  }
  body.append(data, size * count);
  return size * count;
}

bool IsPassing(CURLcode code) {
  constexpr std::array kPassing = {CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
                                   CURLE_OPERATION_TIMEDOUT,   CURLE_SEND_ERROR,
                                   CURLE_RECV_ERROR,           CURLE_GOT_NOTHING,
                                   CURLE_PARTIAL_FILE,         CURLE_HTTP2,
                                   CURLE_HTTP2_STREAM,         CURLE_SSL_CONNECT_ERROR,
                                   CURLE_WEIRD_SERVER_REPLY};
  return std::find(kPassing.begin(), kPassing.end(), code) != kPassing.end();
}

using Url = std::unique_ptr<CURLU, void (*)(CURLU*)>;

Url Parsed(const std::string& text) {
  Url url(curl_url(), curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) url.reset();
  return url;
}

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

}  // namespace

// An easy handle in a multi handle of its own, which owns the socket.
class HttpConnections::Connection {
 public:
  Connection() : multi_(curl_multi_init()), easy_(curl_easy_init()) {}
  ~Connection() {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  absl::StatusOr<HttpAnswer> Post(const HttpRequest& request) {
    HttpAnswer answer;
    Received received{&answer, request.max_answer_bytes};
    std::array<char, CURL_ERROR_SIZE> problem{};
    const Headers headers = HeadersOf(request);
    SetOptions(request, headers.get(), received, problem.data());
    curl_multi_add_handle(multi_, easy_);
    const absl::StatusOr<CURLcode> code = Perform();
    curl_multi_remove_handle(multi_, easy_);
    RECSAE_RETURN_IF_ERROR(code.status());
    Conclude(*code, problem.data(), answer);
    return answer;
  }

 private:
  using Headers = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

  static Headers HeadersOf(const HttpRequest& request) {
    curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
    list = curl_slist_append(list, "Accept: application/json");
    list = curl_slist_append(list, "Expect:");  // no round trip before a long body
    if (!request.key.empty()) {
      list = curl_slist_append(list, absl::StrCat("Authorization: Bearer ", request.key).c_str());
    }
    return {list, curl_slist_free_all};
  }

  void SetOptions(const HttpRequest& request, curl_slist* headers, Received& received,
                  char* problem) {
    curl_easy_reset(easy_);
    curl_easy_setopt(easy_, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    // A redirection would take the key to somebody else.
    curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(kConnectTimeout)));  // NOLINT
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(request.timeout)));  // NOLINT
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, Receive);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &received);
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, problem);
  }

  absl::StatusOr<CURLcode> Perform() {
    while (true) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      int left = 0;
      if (const CURLMsg* message = curl_multi_info_read(multi_, &left); message != nullptr) {
        return message->data.result;
      }
      if (absl::Status waits = CheckCaller(); !waits.ok()) return waits;
      curl_multi_poll(multi_, nullptr, 0, kPollMilliseconds, nullptr);
    }
  }

  void Conclude(CURLcode code, const char* problem, HttpAnswer& answer) {
    if (code == CURLE_OK) {
      curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &answer.status);
      curl_off_t seconds = 0;
      curl_easy_getinfo(easy_, CURLINFO_RETRY_AFTER, &seconds);
      answer.retry_after = absl::Seconds(seconds);
      return;
    }
    answer.failure = *problem != '\0' ? problem : curl_easy_strerror(code);
    answer.passing = IsPassing(code);
    answer.timed_out = code == CURLE_OPERATION_TIMEDOUT;
  }

  CURLM* const multi_;
  CURL* const easy_;
};

HttpConnections::HttpConnections() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

HttpConnections::~HttpConnections() = default;

std::unique_ptr<HttpConnections::Connection> HttpConnections::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.empty()) return std::make_unique<Connection>();
  std::unique_ptr<Connection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void HttpConnections::GiveBack(std::unique_ptr<Connection> connection) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
}

absl::StatusOr<HttpAnswer> HttpConnections::Post(const HttpRequest& request) {
  std::unique_ptr<Connection> connection = Take();
  absl::StatusOr<HttpAnswer> answer = connection->Post(request);
  GiveBack(std::move(connection));
  return answer;
}

std::string TellableUrl(const std::string& text) {
  const Url url = Parsed(text);
  if (url == nullptr) return "";
  const std::string scheme = Part(url.get(), CURLUPART_SCHEME);
  const std::string host = Part(url.get(), CURLUPART_HOST);
  if ((scheme != "http" && scheme != "https") || host.empty()) return "";
  const std::string port = Part(url.get(), CURLUPART_PORT);
  std::string path = Part(url.get(), CURLUPART_PATH);
  while (absl::EndsWith(path, "/")) path.pop_back();
  return absl::StrCat(scheme, "://", host, port.empty() ? "" : ":", port, path);
}

std::string WithPath(const std::string& text, const std::string& path) {
  const Url url = Parsed(text);
  if (url == nullptr) return "";
  std::string own = Part(url.get(), CURLUPART_PATH);
  while (absl::EndsWith(own, "/")) own.pop_back();
  curl_url_set(url.get(), CURLUPART_PATH, absl::StrCat(own, path).c_str(), 0);
  return Part(url.get(), CURLUPART_URL);
}

std::string PasswordOf(const std::string& text) {
  const Url url = Parsed(text);
  return url == nullptr ? "" : Part(url.get(), CURLUPART_PASSWORD, CURLU_URLDECODE);
}

}  // namespace recsae
