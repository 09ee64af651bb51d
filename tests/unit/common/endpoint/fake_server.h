// An HTTP server on this machine that answers as a test says.
#ifndef RECSAE_TESTS_UNIT_COMMON_ENDPOINT_FAKE_SERVER_H_
#define RECSAE_TESTS_UNIT_COMMON_ENDPOINT_FAKE_SERVER_H_

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/endpoint/endpoint.h"

namespace recsae {

class FakeServer {
 public:
  // Number of the request, from 1.
  using Handler = std::function<void(int, const httplib::Request&, httplib::Response&)>;

  explicit FakeServer(Handler handler) : handler_(std::move(handler)) {
    server_.Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      handler_(++requests, request, response);
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // A stop before it runs would be lost.
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~FakeServer() {
    server_.stop();
    thread_.join();
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  EndpointOptions options() const {
    EndpointOptions options;
    options.url = absl::StrCat("http://127.0.0.1:", port_, "/v1");
    options.model = "small";
    options.attempts = 3;
    options.first_wait = absl::Milliseconds(10);
    return options;
  }
  std::unique_ptr<Endpoint> endpoint() const { return Endpoint::Create(options()).value(); }
  int port() const { return port_; }

  std::atomic<int> requests = 0;

 private:
  const Handler handler_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

// Every request is answered with the same body.
inline FakeServer::Handler Always(int status, std::string body) {
  return [status, body = std::move(body)](int, const httplib::Request&, httplib::Response& out) {
    out.status = status;
    out.set_content(body, "application/json");
  };
}

}  // namespace recsae

#endif  // RECSAE_TESTS_UNIT_COMMON_ENDPOINT_FAKE_SERVER_H_
