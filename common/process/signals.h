// SIGTERM and SIGINT as events instead of handlers.
#ifndef RECSAE_COMMON_PROCESS_SIGNALS_H_
#define RECSAE_COMMON_PROCESS_SIGNALS_H_

#include <condition_variable>
#include <mutex>
#include <thread>

namespace recsae {

// Takes SIGTERM and SIGINT from its construction on. Make it before any other thread starts, since
// threads inherit the mask that keeps the signals from them. A second signal ends the process at
// once with status 1. Thread-safe.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool received() const;
  // Returns the signal's number.
  int Wait();

 private:
  void Listen();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int signal_ = 0;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_SIGNALS_H_
