#include "common/process/metrics_endpoint.h"

#include <fcntl.h>
#include <httplib.h>
#include <netinet/in.h>
#include <poll.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/process/listen.h"
#include "common/rpc/guard.h"
#include "common/rpc/metrics.h"

namespace recsae {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kPaths[] = "GET /metrics, /livez or /readyz\n";

constexpr int kWorkers = 4;
constexpr int kBacklog = 16;  // connections that the kernel holds meanwhile
constexpr auto kRequestTime = std::chrono::seconds(5);
// A request is a line and some headers; more than this is none of ours.
constexpr size_t kMaxRequestBytes = 8192;
// How soon a newcomer that found all workers taken asks again for room.
constexpr auto kMakeRoomAgain = std::chrono::milliseconds(20);
// What a failing accept() (no file descriptors left in the machine) waits before the next.
constexpr auto kAcceptAgain = std::chrono::milliseconds(100);

// A socket that fails at a point in time, however many bytes come or go before: httplib's own
// starts its timeout anew with each.
class RequestStream : public httplib::Stream {
 public:
  RequestStream(int socket, Clock::time_point deadline) : socket_(socket), deadline_(deadline) {}

  bool is_readable() const override { return begin_ < end_ || Wait(POLLIN); }
  bool is_writable() const override { return Wait(POLLOUT); }
  socket_t socket() const override { return socket_; }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}

  // httplib reads byte by byte.
  ssize_t read(char* data, size_t size) override {
    if (begin_ == end_ && !Fill()) return -1;
    const size_t count = std::min(size, end_ - begin_);
    std::copy_n(buffer_.begin() + static_cast<ptrdiff_t>(begin_), count, data);
    begin_ += count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* data, size_t size) override {
    size_t done = 0;
    while (done < size) {
      if (!Wait(POLLOUT)) return -1;
      const ssize_t sent = send(socket_, data + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (sent <= 0) return -1;
      done += static_cast<size_t>(sent);
    }
    return static_cast<ssize_t>(size);
  }

 private:
  // Until the socket is ready, or false when the time is up.
  bool Wait(short events) const {
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
      if (left.count() <= 0) return false;
      pollfd waiting = {socket_, events, 0};
      const int ready = poll(&waiting, 1, static_cast<int>(left.count()));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
  }

  bool Fill() {
    while (received_ < kMaxRequestBytes && Wait(POLLIN)) {
      const size_t room = std::min(buffer_.size(), kMaxRequestBytes - received_);
      const ssize_t got = recv(socket_, buffer_.data(), room, MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (got <= 0) return false;
      received_ += static_cast<size_t>(got);
      begin_ = 0;
      end_ = static_cast<size_t>(got);
      return true;
    }
    return false;
  }

  const int socket_;
  const Clock::time_point deadline_;
  std::array<char, 1024> buffer_;
  size_t begin_ = 0, end_ = 0;  // what of the buffer has not been read
  size_t received_ = 0;
};

// void in cpp-httplib 0.11 (Debian 12), bool in 0.18 (Debian 13): whether the task was taken.
using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue({}));

// Hands each connection to a worker. While all are taken the next one waits here and those behind
// it in the kernel; `make_room` is called meanwhile.
class Workers : public httplib::TaskQueue {
 public:
  explicit Workers(std::function<void()> make_room) : make_room_(std::move(make_room)) {
    try {
      tasks_.reserve(kWorkers);
      threads_.reserve(kWorkers);
      for (int i = 0; i < kWorkers; ++i) threads_.emplace_back([this] { Run(); });
    } catch (...) {  // A std::thread that nobody joins would end the process.
      Workers::shutdown();
      throw;
    }
  }

  // Allocates nothing: what it threw would leave the workers unjoined.
  Enqueued enqueue(std::function<void()> task) override {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!freed_.wait_for(lock, kMakeRoomAgain, [this] { return free_ > 0; })) make_room_();
    --free_;
    tasks_.push_back(std::move(task));
    added_.notify_one();
    return Enqueued(true);
  }

  void shutdown() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    added_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      added_.wait(lock, [this] { return ended_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.erase(tasks_.begin());
      lock.unlock();
      task();
      lock.lock();
      ++free_;
      freed_.notify_one();
    }
  }

  const std::function<void()> make_room_;
  std::mutex mutex_;
  std::condition_variable added_, freed_;
  std::vector<std::function<void()>> tasks_;  // at most one for each worker, oldest first
  int free_ = kWorkers;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

// cpp-httplib's server with sockets, workers and an end of our own.
class MetricsEndpoint::Server : public httplib::Server {
 public:
  // `listener` is listened on already, and closed in the end.
  Server(int listener, const MetricsRegistry& metrics, Readiness readiness)
      : listener_(listener), metrics_(metrics), readiness_(std::move(readiness)) {
    new_task_queue = [this] { return new Workers([this] { LeaveOldest(); }); };
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      Answer(request, response);
      return HandlerResponse::Handled;
    });
    set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty()) return;
      response.set_content(kPaths, "text/plain");
    });
    thread_ = std::thread([this] { Listen(); });
  }

  ~Server() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      closing_ = true;
      for (const Connection& open : connections_) ::shutdown(open.socket, SHUT_RDWR);
    }
    closed_.notify_all();
    ::shutdown(listener_, SHUT_RDWR);  // ends accept(), also one that begins later
    thread_.join();
    close(listener_);
  }

 private:
  struct Connection {
    int socket;
    bool asked = false;  // the request has been read
  };

  void Listen() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!closing_) {
      lock.unlock();
      // httplib closes what it listens on, and gives up at most errors of accept().
      svr_sock_ = fcntl(listener_, F_DUPFD_CLOEXEC, 0);
      const absl::Status served = Contain("serving metrics", [this] {
        if (svr_sock_ != INVALID_SOCKET) listen_after_bind();
        return absl::OkStatus();
      });
      if (!served.ok()) close(svr_sock_.exchange(INVALID_SOCKET));
      lock.lock();
      closed_.wait_for(lock, kAcceptAgain, [this] { return closing_; });
    }
  }

  // Runs on a worker. One request for each connection.
  bool process_and_close_socket(socket_t socket) override {
    bool done = false;
    Contain("a scrape", [&] {
      done = Serve(socket);
      return absl::OkStatus();
    }).IgnoreError();
    ::shutdown(socket, SHUT_WR);
    close(socket);
    return done;
  }

  bool Serve(socket_t socket) {
    std::list<Connection>::iterator connection;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      connection = connections_.insert(connections_.end(), {socket});
      if (closing_) ::shutdown(socket, SHUT_RDWR);
    }
    const absl::Cleanup left = [this, connection] {
      const std::lock_guard<std::mutex> lock(mutex_);
      connections_.erase(connection);
    };
    RequestStream stream(socket, Clock::now() + kRequestTime);
    return Process(stream, [&](httplib::Request&) {
      const std::lock_guard<std::mutex> lock(mutex_);
      connection->asked = true;
    });
  }

  // Newer versions of cpp-httplib want to be told addresses, which nothing here asks for.
  template <typename Asked>
  bool Process(RequestStream& stream, const Asked& asked) {
    bool closed = false;
    if constexpr (requires { process_request(stream, true, closed, asked); }) {
      return process_request(stream, /*close_connection=*/true, closed, asked);
    } else {
      return process_request(stream, "", 0, "", 0, /*close_connection=*/true, closed, asked);
    }
  }

  void LeaveOldest() {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto silent = std::find_if(connections_.begin(), connections_.end(),
                                     [](const Connection& open) { return !open.asked; });
    if (silent != connections_.end()) ::shutdown(silent->socket, SHUT_RDWR);
  }

  void Answer(const httplib::Request& request, httplib::Response& response) const {
    response.status = 200;
    if (request.method != "GET") {
      response.status = 405;
      response.set_content(kPaths, "text/plain");
    } else if (request.path == "/metrics") {
      response.set_content(prometheus::TextSerializer().Serialize(metrics_.Collect()),
                           "text/plain; version=0.0.4; charset=utf-8");
    } else if (request.path == "/livez") {
      response.set_content("ok\n", "text/plain");
    } else if (request.path == "/readyz") {
      AnswerReadiness(response);
    } else {
      response.status = 404;
      response.set_content(kPaths, "text/plain");
    }
  }

  void AnswerReadiness(httplib::Response& response) const {
    std::string text;
    for (const auto& [name, status] : readiness_()) {
      if (!status.ok()) response.status = 503;
      absl::StrAppend(&text, name, ": ", status.ok() ? "ok" : status.message(), "\n");
    }
    response.set_content(text, "text/plain");
  }

  const int listener_;
  const MetricsRegistry& metrics_;
  const Readiness readiness_;
  std::mutex mutex_;
  std::condition_variable closed_;
  bool closing_ = false;
  std::list<Connection> connections_;  // oldest first
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(
    const std::string& address, const MetricsRegistry& registry, Readiness readiness) {
  RECSAE_ASSIGN_OR_RETURN(const int listener, BindTcp(address, "metrics-listen"));
  if (listen(listener, kBacklog) != 0) {
    const std::string why = std::generic_category().message(errno);
    close(listener);
    return Error(absl::StatusCode::kFailedPrecondition, "ADDRESS_NOT_AVAILABLE",
                 absl::StrCat("cannot serve metrics on ", address, ": ", why,
                              "; choose another address with --metrics-listen"),
                 {{"address", address}});
  }
  return std::unique_ptr<MetricsEndpoint>(new MetricsEndpoint(
      BoundPort(listener), std::make_unique<Server>(listener, registry, std::move(readiness))));
}

MetricsEndpoint::MetricsEndpoint(int port, std::unique_ptr<Server> server)
    : port_(port), server_(std::move(server)) {}

MetricsEndpoint::~MetricsEndpoint() = default;

}  // namespace recsae
