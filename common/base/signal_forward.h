// Signals for one thread that waits for them, whichever thread the system gives them to.
#ifndef RECSAE_COMMON_BASE_SIGNAL_FORWARD_H_
#define RECSAE_COMMON_BASE_SIGNAL_FORWARD_H_

#include <pthread.h>
#include <signal.h>

namespace recsae {

// A thread that waits for signals (sigwait) gets those alone that every other thread blocks.
// Threads inherit what is blocked, but not those that a library started before main, as OpenBLAS
// does: one of them would take SIGTERM, and the process end at once. From here on, until the next
// call or StopForwarding, what such a thread takes of `signals` is sent on to `to`, which blocks
// them and is alive all the while. One at a time in a process.
void ForwardSignals(const sigset_t& signals, pthread_t to);

// The signals do again what they do by default.
void StopForwarding(const sigset_t& signals);

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_SIGNAL_FORWARD_H_
