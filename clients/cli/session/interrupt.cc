#include "clients/cli/session/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/signal_forward.h"

namespace recsae::cli {
namespace {

struct State {
  std::mutex mutex;  // held while the handler runs
  std::function<void()> handler;
};

// Never destroyed: the listening thread outlives main().
State& TheState() {
  static State* state = new State;
  return *state;
}

// Signals that are so close to the first are one with it.
constexpr auto kOneSignal = std::chrono::seconds(1);

std::atomic<int> interrupted_exit = 0;

[[noreturn]] void Listen(sigset_t signals) {
  std::chrono::steady_clock::time_point first;
  std::thread runner;
  while (true) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) continue;
    const auto now = std::chrono::steady_clock::now();
    if (Interrupted()) {
      if (now - first < kOneSignal) continue;
      _exit(128 + number);  // even while the handler hangs
    }
    first = now;
    interrupted_exit = 128 + number;
    runner = std::thread([] {
      State& state = TheState();
      std::lock_guard<std::mutex> lock(state.mutex);
      if (!state.handler) _exit(interrupted_exit);
      std::exchange(state.handler, nullptr)();
    });
    runner.detach();
  }
}

}  // namespace

void ListenForInterrupts() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread listener(Listen, signals);
  ForwardSignals(signals, listener.native_handle());
  listener.detach();  // it lives as long as the process
}

int InterruptedExit() { return interrupted_exit; }

InterruptHandler::InterruptHandler(std::function<void()> handler) {
  State& state = TheState();
  std::lock_guard<std::mutex> lock(state.mutex);
  state.handler = std::move(handler);
}

InterruptHandler::~InterruptHandler() {
  State& state = TheState();
  std::lock_guard<std::mutex> lock(state.mutex);
  state.handler = nullptr;
}

}  // namespace recsae::cli
