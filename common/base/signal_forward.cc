#include "common/base/signal_forward.h"

#include <atomic>
#include <cerrno>
#include <initializer_list>

namespace recsae {
namespace {

static_assert(std::atomic<pthread_t>::is_always_lock_free, "a signal handler reads it");
std::atomic<pthread_t> receiver;

void SendOn(int number) {
  const int before = errno;
  pthread_kill(receiver.load(), number);
  errno = before;
}

void SetAction(const sigset_t& signals, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    if (sigismember(&signals, number) == 1) sigaction(number, &action, nullptr);
  }
}

}  // namespace

void ForwardSignals(const sigset_t& signals, pthread_t to) {
  receiver = to;
  SetAction(signals, SendOn);
}

void StopForwarding(const sigset_t& signals) { SetAction(signals, SIG_DFL); }

}  // namespace recsae
