// Ctrl-C and SIGTERM as events: the first one may be answered by whoever waits, a later one ends
// the program. What comes within a second of the first is one with it: `timeout` sends to the
// process and to its group.
#ifndef RECSAE_CLIENTS_CLI_SESSION_INTERRUPT_H_
#define RECSAE_CLIENTS_CLI_SESSION_INTERRUPT_H_

#include <functional>

namespace recsae::cli {

// Call once, before any other thread starts (threads inherit the mask that keeps the signals from
// them). From then on they end the program at once, with 128 + the signal's number as shells have
// it (130 for Ctrl-C, 143 for SIGTERM), unless an InterruptHandler lives.
void ListenForInterrupts();

// The exit status of a program whose handler answered a signal, 0 if there was none.
int InterruptedExit();

// Whether there was one.
inline bool Interrupted() { return InterruptedExit() != 0; }

// While it lives, the first signal calls `handler` on a thread of its own instead of ending the
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
