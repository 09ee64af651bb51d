// What a scrape gets, whoever else is connected.
#include "common/process/metrics_endpoint.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "common/rpc/metrics.h"
#include "tests/unit/common/process/child.h"

namespace recsae {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A connection that does as it is told.
class Connection {
 public:
  explicit Connection(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool Send(const std::string& text) const {
    return send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // All that comes until the other side closes.
  std::string ReadAll() const {
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = recv(fd_, buffer, sizeof(buffer), 0)) > 0;) {
      all.append(buffer, static_cast<size_t>(n));
    }
    return all;
  }
  bool IsOpen() const {
    char byte;
    return recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
  }

 private:
  const int fd_;
};

// Sends the first line of a request and then a byte now and then, until told to end or cut off.
class Drip {
 public:
  explicit Drip(int port) : connection_(port), thread_([this] { Run(); }) {}
  ~Drip() {
    end_ = true;
    thread_.join();
  }

  bool IsOpen() const { return connection_.IsOpen(); }
  void WaitUntilCutOff() {
    while (!cut_off_) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

 private:
  void Run() {
    connection_.Send("GET /metrics HTTP/1.1\r\nX: ");
    while (!end_ && !cut_off_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      cut_off_ = !connection_.Send("a");
    }
  }

  const Connection connection_;
  std::atomic<bool> end_{false}, cut_off_{false};
  std::thread thread_;
};

class MetricsEndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    registry_.GetCounter("recsae_things_total", "Things.").Increment(3);
    auto endpoint =
        MetricsEndpoint::Start("127.0.0.1:0", registry_, [] { return std::vector<ReadyCheck>(); });
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    endpoint_ = *std::move(endpoint);
  }

  std::string Ask(const std::string& request) {
    const Connection connection(endpoint_->port());
    connection.Send(request);
    return connection.ReadAll();
  }
  std::string Scrape() { return testing::HttpGet(endpoint_->port(), "/metrics"); }

  MetricsRegistry registry_;
  std::unique_ptr<MetricsEndpoint> endpoint_;
};

TEST_F(MetricsEndpointTest, ServesMetricsAndNothingElse) {
  EXPECT_THAT(Ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("text/plain; version=0.0.4"),
                    HasSubstr("recsae_things_total 3\n")));
  EXPECT_THAT(Ask("GET /metrics?a=b HTTP/1.1\r\n\r\n"), HasSubstr("recsae_things_total 3\n"));
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(Ask("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
              StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(Ask("HEAD /metrics HTTP/1.1\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 405 "), Not(HasSubstr("recsae_things"))));
  EXPECT_THAT(Ask("nonsense\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("GET /metrics")));
  EXPECT_THAT(Ask("GET /metrics HTTP/1.1\r\nX: " + std::string(1 << 16, 'a') + "\r\n\r\n"),
              Not(HasSubstr("recsae_things")));
}

TEST_F(MetricsEndpointTest, SilentClientsDoNotHoldUpAScrape) {
  std::list<Connection> silent;
  for (int i = 0; i < 3; ++i) silent.emplace_back(endpoint_->port());
  EXPECT_THAT(Scrape(), HasSubstr("recsae_things_total 3\n"));
  // It was not their time that had run out.
  for (const Connection& connection : silent) EXPECT_TRUE(connection.IsOpen());
}

TEST_F(MetricsEndpointTest, ManySilentClientsGiveWayToAScrape) {
  std::list<Connection> silent;
  for (int i = 0; i < 30; ++i) silent.emplace_back(endpoint_->port());
  EXPECT_THAT(Scrape(), HasSubstr("recsae_things_total 3\n"));
  EXPECT_FALSE(silent.front().IsOpen());
  EXPECT_TRUE(silent.back().IsOpen());
}

TEST_F(MetricsEndpointTest, DrippingClientHoldsUpNobodyAndIsCutOff) {
  Drip drip(endpoint_->port());
  EXPECT_THAT(Scrape(), HasSubstr("recsae_things_total 3\n"));
  EXPECT_TRUE(drip.IsOpen());
  drip.WaitUntilCutOff();
}

TEST_F(MetricsEndpointTest, EndsAtOnceWithADrippingScrapeOpen) {
  const Drip drip(endpoint_->port());
  const Connection silent(endpoint_->port());
  EXPECT_THAT(Scrape(), HasSubstr("recsae_things_total 3\n"));
  EXPECT_TRUE(drip.IsOpen());
  endpoint_.reset();
  EXPECT_FALSE(silent.IsOpen());
}

TEST_F(MetricsEndpointTest, MayEndBeforeItHasBegun) {
  for (int i = 0; i < 50; ++i) {
    const auto endpoint =
        MetricsEndpoint::Start("127.0.0.1:0", registry_, [] { return std::vector<ReadyCheck>(); });
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  }
}

}  // namespace
}  // namespace recsae
