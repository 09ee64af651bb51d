#include "common/process/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "common/rpc/log.h"

namespace recsae {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { Listen(); });
}

StopSignal::~StopSignal() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  pthread_kill(thread_.native_handle(), SIGTERM);  // wakes sigwait
  thread_.join();
}

bool StopSignal::received() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return signal_ != 0;
}

int StopSignal::Wait() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return signal_ != 0; });
  return signal_;
}

void StopSignal::Listen() {
  const sigset_t set = StopSignals();
  while (true) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    std::lock_guard<std::mutex> lock(mutex_);
    if (closing_) return;
    if (signal_ != 0) {
      Log(Severity::kWarning, "second signal: ending at once", {{"signal", number}});
      _exit(1);
    }
    signal_ = number;
    changed_.notify_all();
  }
}

}  // namespace recsae
