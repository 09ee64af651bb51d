// Ctrl-C as an event: the first one may be answered by whoever waits, the second ends the program.
#ifndef RECSAE_CLIENTS_CLI_SESSION_INTERRUPT_H_
#define RECSAE_CLIENTS_CLI_SESSION_INTERRUPT_H_

#include <functional>

namespace recsae::cli {

// Exit status of a program that Ctrl-C ended, as shells have it.
inline constexpr int kInterruptedExit = 130;

// Call once, before any other thread starts (threads inherit the mask that keeps the signal from
// them). From then on SIGINT ends the program at once with kInterruptedExit, unless an
// InterruptHandler lives.
void ListenForInterrupts();

// Whether there was a SIGINT that a handler answered.
bool Interrupted();

// While it lives, the first SIGINT calls `handler` on a thread of its own instead of ending the
// program. The handler must not destroy its own InterruptHandler; destruction waits for it. One at
// a time.
class InterruptHandler {
 public:
  explicit InterruptHandler(std::function<void()> handler);
  ~InterruptHandler();
  InterruptHandler(const InterruptHandler&) = delete;
  InterruptHandler& operator=(const InterruptHandler&) = delete;
};

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_SESSION_INTERRUPT_H_
