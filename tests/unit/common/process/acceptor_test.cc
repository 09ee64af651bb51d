// The listening port alone: who takes the sockets here is no gRPC.
#include "common/process/acceptor.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae {
namespace {

bool Within(double seconds, const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// A client's end of a connection.
class Client {
 public:
  explicit Client(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Client() {
    if (socket_ >= 0) close(socket_);
  }
  Client(Client&& other) noexcept : socket_(other.socket_), connected_(other.connected_) {
    other.socket_ = -1;
  }
  Client& operator=(Client&&) = delete;

  bool connected() const { return connected_; }
  void Say(const char* text) const { ASSERT_EQ(send(socket_, text, 1, MSG_NOSIGNAL), 1); }
  // Whether the other side has closed it.
  bool Closed() const {
    char byte = 0;
    return recv(socket_, &byte, 1, MSG_DONTWAIT) == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }

 private:
  int socket_;
  bool connected_ = false;
};

// Keeps what it is given, as gRPC does, and closes it as gRPC does.
class Taker {
 public:
  ~Taker() {
    for (const int socket : sockets_) Close(socket);
  }
  void Take(int socket) {
    const std::lock_guard<std::mutex> lock(mutex_);
    sockets_.push_back(socket);
  }
  size_t count() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return sockets_.size();
  }
  // Whether what is written to the first leaves at once.
  bool FirstSendsAtOnce() {
    const std::lock_guard<std::mutex> lock(mutex_);
    int no_delay = 0;
    socklen_t length = sizeof(no_delay);
    return getsockopt(sockets_.front(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &length) == 0 &&
           no_delay != 0;
  }
  void CloseFirst() {
    const std::lock_guard<std::mutex> lock(mutex_);
    Close(sockets_.front());
    sockets_.erase(sockets_.begin());
  }

 private:
  static void Close(int socket) {
    shutdown(socket, SHUT_RDWR);
    close(socket);
  }
  std::mutex mutex_;
  std::vector<int> sockets_;
};

class AcceptorTest : public ::testing::Test {
 protected:
  void Start(ConnectionLimits limits) {
    auto acceptor = Acceptor::Bind("127.0.0.1:0", limits);
    ASSERT_TRUE(acceptor.ok()) << acceptor.status();
    acceptor_ = *std::move(acceptor);
    ASSERT_TRUE(acceptor_->Start([this](int socket, int) { taker_.Take(socket); }).ok());
  }

  Taker taker_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, CountsConnectionsAsTheyComeAndGo) {
  Start({.all = 10, .one_peer = 10});
  const Client one(acceptor_->port());
  const Client two(acceptor_->port());
  ASSERT_TRUE(Within(5, [&] { return taker_.count() == 2; }));
  EXPECT_EQ(acceptor_->counts().open, 2);
  taker_.CloseFirst();
  EXPECT_TRUE(Within(5, [&] { return acceptor_->counts().open == 1; }));
  EXPECT_TRUE(Within(5, [&] { return one.Closed(); })) << "a descriptor of ours keeps it open";
}

// gRPC sets this on its own listeners alone; without it one answer in fifty came 40 ms late.
TEST_F(AcceptorTest, AnswersLeaveAtOnce) {
  Start({.all = 10, .one_peer = 10});
  const Client client(acceptor_->port());
  ASSERT_TRUE(Within(5, [&] { return taker_.count() == 1; }));
  EXPECT_TRUE(taker_.FirstSendsAtOnce());
}

TEST_F(AcceptorTest, ClosesWhatIsTooMuchFromOneAddress) {
  Start({.all = 10, .one_peer = 2});
  const Client one(acceptor_->port());
  const Client two(acceptor_->port());
  ASSERT_TRUE(Within(5, [&] { return taker_.count() == 2; }));
  const Client three(acceptor_->port());
  EXPECT_TRUE(Within(5, [&] { return three.Closed(); }));
  EXPECT_EQ(acceptor_->counts().refused_for_one_peer, 1);
  EXPECT_FALSE(one.Closed());
}

TEST_F(AcceptorTest, SilentConnectionsMakeRoomAndOthersDoNot) {
  Start({.all = 2, .one_peer = 100});
  const Client silent(acceptor_->port());
  const Client speaking(acceptor_->port());
  speaking.Say("x");
  ASSERT_TRUE(Within(5, [&] { return taker_.count() == 2; }));
  const Client early(acceptor_->port());
  EXPECT_TRUE(Within(5, [&] { return early.Closed(); })) << "nobody was silent for long yet";
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  const Client next(acceptor_->port());
  EXPECT_TRUE(Within(5, [&] { return silent.Closed(); }));
  EXPECT_FALSE(next.Closed());
  EXPECT_FALSE(speaking.Closed());
  EXPECT_EQ(acceptor_->counts().silent_closed, 1);
  EXPECT_EQ(acceptor_->counts().refused_for_all, 1);
}

TEST_F(AcceptorTest, GoesOnAfterThereWereNoDescriptorsLeft) {
  rlimit before = {};
  getrlimit(RLIMIT_NOFILE, &before);
  Start({.all = 1000, .one_peer = 1000});
  rlimit low = before;
  low.rlim_cur = 64;
  setrlimit(RLIMIT_NOFILE, &low);
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) {
    clients.emplace_back(acceptor_->port());
    if (!clients.back().connected()) break;  // the test's own descriptors end as well
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  clients.clear();
  setrlimit(RLIMIT_NOFILE, &before);
  while (taker_.count() > 0) taker_.CloseFirst();
  const size_t taken = taker_.count();
  const Client after(acceptor_->port());
  ASSERT_TRUE(after.connected());
  EXPECT_TRUE(Within(3, [&] { return taker_.count() > taken; })) << "the port is deaf";
}

TEST_F(AcceptorTest, ClosesThePortWhenItStops) {
  Start({});
  const int port = acceptor_->port();
  EXPECT_TRUE(Client(port).connected());
  acceptor_->Stop();
  EXPECT_FALSE(Client(port).connected());
}

TEST(Acceptor, BindsEveryAddressOfANameToOnePort) {
  auto acceptor = Acceptor::Bind("localhost:0", {});
  ASSERT_TRUE(acceptor.ok()) << acceptor.status();
  EXPECT_GT((*acceptor)->port(), 0);
  ASSERT_TRUE((*acceptor)->Start([](int socket, int) { close(socket); }).ok());
  const auto taken = Acceptor::Bind(absl::StrCat("127.0.0.1:", (*acceptor)->port()), {});
  EXPECT_EQ(Reason(taken.status()), "ADDRESS_NOT_AVAILABLE");
}

}  // namespace
}  // namespace recsae
