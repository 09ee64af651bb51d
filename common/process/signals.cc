#include "common/process/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/signal_forward.h"
#include "common/rpc/log.h"

namespace recsae {
namespace {

using Clock = std::chrono::steady_clock;

// Signals that are so close to the first are one with it.
constexpr auto kOneSignal = std::chrono::seconds(1);

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  // sigwait would take it in spite of nohup: what is blocked is never ignored.
  struct sigaction hangup = {};
  if (sigaction(SIGHUP, nullptr, &hangup) != 0 || hangup.sa_handler != SIG_IGN) {
    sigaddset(&set, SIGHUP);
  }
  return set;
}

// The next of the signals, or 0 if none comes until then.
int WaitUntil(const sigset_t& signals, Clock::time_point end) {
  while (true) {
    const auto left = std::max<std::chrono::nanoseconds>(end - Clock::now(), {});
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec wait = {seconds.count(), (left - seconds).count()};
    const int number = sigtimedwait(&signals, nullptr, &wait);
    if (number > 0) return number;
    if (errno == EAGAIN) return 0;
  }
}

}  // namespace

StopSignal::StopSignal(std::chrono::nanoseconds limit) : limit_(limit), signals_(StopSignals()) {
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { Listen(); });
  ForwardSignals(signals_, thread_.native_handle());
}

StopSignal::~StopSignal() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  StopForwarding(signals_);
  // The signals are blocked and waited for: this wakes the wait, and ends nothing.
  // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread)
  pthread_kill(thread_.native_handle(), SIGTERM);
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
  int number = 0;
  while (sigwait(&signals_, &number) != 0) continue;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closing_) return;
    signal_ = number;
  }
  changed_.notify_all();
  WatchStop();
}

void StopSignal::WatchStop() {
  const Clock::time_point first = Clock::now();
  while (true) {
    const int number = WaitUntil(signals_, first + limit_);
    std::lock_guard<std::mutex> lock(mutex_);
    if (closing_) return;
    if (number == 0) {
      Log(Severity::kError, "the process did not stop in time: ending at once");
    } else if (Clock::now() - first < kOneSignal) {
      continue;
    } else {
      Log(Severity::kWarning, "second signal: ending at once", {{"signal", number}});
    }
    // Stores are safe: what was acknowledged is on disk. Destructors would wait for what hangs.
    _exit(1);
  }
}

}  // namespace recsae
