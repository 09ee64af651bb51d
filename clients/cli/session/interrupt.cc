#include "clients/cli/session/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

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

std::atomic<bool> interrupted = false;

[[noreturn]] void Listen(sigset_t signals) {
  std::thread runner;
  while (true) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) continue;
    // A second one ends the program even while the handler hangs.
    if (interrupted.exchange(true)) _exit(kInterruptedExit);
    runner = std::thread([] {
      State& state = TheState();
      std::lock_guard<std::mutex> lock(state.mutex);
      if (!state.handler) _exit(kInterruptedExit);
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
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(Listen, signals).detach();
}

bool Interrupted() { return interrupted; }

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
