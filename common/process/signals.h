// SIGTERM, SIGINT and SIGHUP as events instead of handlers.
#ifndef RECSAE_COMMON_PROCESS_SIGNALS_H_
#define RECSAE_COMMON_PROCESS_SIGNALS_H_

#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace recsae {

// Takes SIGTERM, SIGINT and (unless it is ignored, as nohup has it) SIGHUP from its construction
// on. Make it before any other thread of ours starts, since threads inherit the mask that keeps the
// signals from them; what threads take that libraries started earlier is sent on. Ends the process
// with status 1 if it lives `limit` after the first signal, or when a second one comes; what comes
// within a second of the first is taken for the same (`timeout` and terminals send to the process
// and to its group). Thread-safe.
class StopSignal {
 public:
  explicit StopSignal(std::chrono::nanoseconds limit);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool received() const;
  // Returns the signal's number.
  int Wait();

 private:
  void Listen();
  // Returns once the process is well stopped; does not return where it is not.
  void WatchStop();

  const std::chrono::nanoseconds limit_;
  sigset_t signals_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int signal_ = 0;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_SIGNALS_H_
