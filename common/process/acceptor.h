// The listening port of a server: takes connections and hands them to gRPC, within limits.
#ifndef RECSAE_COMMON_PROCESS_ACCEPTOR_H_
#define RECSAE_COMMON_PROCESS_ACCEPTOR_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace recsae {

// Raises how many files and connections the process may have open to what the machine allows it,
// and returns that.
int64_t RaiseFileLimit();

struct ConnectionLimits {
  // Connections that are open at a time, in all and from one address.
  int64_t all = 1000;
  int64_t one_peer = 1000;
};

// What is known of them; counters only grow.
struct ConnectionCounts {
  std::atomic<int64_t> open{0};
  std::atomic<int64_t> refused_for_all{0};
  std::atomic<int64_t> refused_for_one_peer{0};
  // Connections that had not sent a byte and were closed to make room for others.
  std::atomic<int64_t> silent_closed{0};
};

// gRPC 1.51's own listener never accepts again once the process has run out of file descriptors
// (CVE-2023-4785), and takes any number of connections from anybody. This one waits and goes on,
// closes at once what is beyond the limits, and where all places are taken closes the oldest
// connections that have been silent for a second. It learns from a second descriptor of each socket
// when gRPC or the peer has closed it, so that a connection costs two.
class Acceptor {
 public:
  // Binds all addresses of "host:port" (port 0: any, the same for all) and does not listen yet.
  // FAILED_PRECONDITION (ADDRESS_NOT_AVAILABLE).
  static absl::StatusOr<std::unique_ptr<Acceptor>> Bind(const std::string& address,
                                                        ConnectionLimits limits);
  // Stops.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  int port() const { return port_; }
  const ConnectionCounts& counts() const { return counts_; }

  // Listens, and gives each connection to `take`, on a thread of its own, with the listening
  // socket; `take` owns the first.
  absl::Status Start(std::function<void(int socket, int listener)> take);
  // Closes the port. Connections that are open stay so, unwatched.
  void Stop();

 private:
  struct Connection {
    std::string peer;
    int64_t since_ns = 0;
  };

  Acceptor(std::vector<int> listeners, int port, ConnectionLimits limits);
  void Run();
  void Accept(int listener);
  void Take(int socket, int listener, const std::string& peer);
  bool HasRoom(const std::string& peer);
  bool CloseSilent();
  void Forget(int watched);

  const std::vector<int> listeners_;
  const int port_;
  const ConnectionLimits limits_;
  ConnectionCounts counts_;
  std::function<void(int, int)> take_;
  int poll_ = -1;
  int wake_ = -1;
  std::atomic<bool> stopping_{false};
  // Of the thread.
  std::unordered_map<int, Connection> open_;    // by the descriptor that is watched
  std::deque<std::pair<int, int64_t>> silent_;  // descriptors and since when, oldest first
  std::map<std::string, int64_t> by_peer_;
  std::thread thread_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_ACCEPTOR_H_
