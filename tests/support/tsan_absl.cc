// Tells ThreadSanitizer of absl::Mutex. Debian's absl and gRPC are compiled without it, so that
// what one thread wrote under a lock and another read under it would be reported as a race. A
// program that is linked with this file calls these functions in place of absl's, and so do the
// libraries that it loads; each calls absl's own and says, as an instrumented absl would, what it
// did to the mutex.
//
// Left out are absl::Notification, BlockingCounter and call_once, which nothing here uses.

#include <sanitizer/tsan_interface.h>

#include <cstdint>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/support/tsan_real.h"

namespace {

// The mutex that one of absl's functions works on in this thread: what it evaluates a condition
// under, and whom it calls itself is not told again.
thread_local absl::Mutex* inside = nullptr;

class Inside {
 public:
  explicit Inside(absl::Mutex* mutex) : before_(inside) { inside = mutex; }
  ~Inside() { inside = before_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  absl::Mutex* const before_;
};

constexpr unsigned kShared = __tsan_mutex_read_lock;

void SayLocked(absl::Mutex* mutex, unsigned flags) {
  __tsan_mutex_pre_lock(mutex, flags);
  __tsan_mutex_post_lock(mutex, flags, 0);
}

void SayUnlocked(absl::Mutex* mutex, unsigned flags) {
  __tsan_mutex_pre_unlock(mutex, flags);
  __tsan_mutex_post_unlock(mutex, flags);
}

// A call that takes the mutex. It is said to be held only once it is, since another thread may
// unlock until then.
template <typename Call>
auto Taking(absl::Mutex* mutex, unsigned flags, Call call) {
  if (inside != nullptr) return call();
  struct AtEnd {
    absl::Mutex* mutex;
    unsigned flags;
    ~AtEnd() { SayLocked(mutex, flags); }
  } const at_end{mutex, flags};
  const Inside scope(mutex);
  return call();
}

template <typename Call>
void Releasing(absl::Mutex* mutex, unsigned flags, Call call) {
  if (inside != nullptr) return call();
  SayUnlocked(mutex, flags);
  const Inside scope(mutex);
  call();
}

// Whoever has the mutex meanwhile reads the condition that this thread has made.
template <typename Call>
auto TakingWhen(absl::Mutex* mutex, unsigned flags, const absl::Condition& condition, Call call) {
  if (inside == nullptr) __tsan_release(const_cast<absl::Condition*>(&condition));
  return Taking(mutex, flags, call);
}

// A call that lets go of the mutex and takes it again, on a condition (none: Condition::kTrue).
template <typename Call>
auto Waiting(absl::Mutex* mutex, bool exclusive, const absl::Condition& condition, Call call) {
  if (inside != nullptr) return call();
  const unsigned flags = exclusive ? 0 : kShared;
  SayUnlocked(mutex, flags);
  return TakingWhen(mutex, flags, condition, call);
}

template <typename Call>
bool Trying(absl::Mutex* mutex, unsigned flags, Call call) {
  if (inside != nullptr) return call();
  const Inside scope(mutex);
  if (!call()) return false;
  __tsan_mutex_pre_lock(mutex, flags | __tsan_mutex_try_lock);
  __tsan_mutex_post_lock(mutex, flags | __tsan_mutex_try_lock, 0);
  return true;
}

constexpr intptr_t kHeldExclusively = 8;  // absl's kMuWriter, in Mutex::mu_

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

#define IN_MUTEX "_ZN4absl7debian35Mutex"
#define CONDITION "ERKNS0_9ConditionE"
#define TIMEOUT "ERKNS0_9ConditionENS0_8DurationE"
#define DEADLINE "ERKNS0_9ConditionENS0_4TimeE"
using Plain = void(Mutex*);
using Try = bool(Mutex*);
using When = void(Mutex*, const Condition&);
using WhenWithTimeout = bool(Mutex*, const Condition&, Duration);
using WhenWithDeadline = bool(Mutex*, const Condition&, Time);

Mutex::~Mutex() {
  __tsan_mutex_destroy(this, __tsan_mutex_not_static);
  RECSAE_REAL(Plain, IN_MUTEX "D1Ev")(this);
}

void Mutex::Lock() {
  Taking(this, 0, [&] { RECSAE_REAL(Plain, IN_MUTEX "4LockEv")(this); });
}
void Mutex::ReaderLock() {
  Taking(this, kShared, [&] { RECSAE_REAL(Plain, IN_MUTEX "10ReaderLockEv")(this); });
}
void Mutex::Unlock() {
  Releasing(this, 0, [&] { RECSAE_REAL(Plain, IN_MUTEX "6UnlockEv")(this); });
}
void Mutex::ReaderUnlock() {
  Releasing(this, kShared, [&] { RECSAE_REAL(Plain, IN_MUTEX "12ReaderUnlockEv")(this); });
}
bool Mutex::TryLock() {
  return Trying(this, 0, [&] { return RECSAE_REAL(Try, IN_MUTEX "7TryLockEv")(this); });
}
bool Mutex::ReaderTryLock() {
  return Trying(this, kShared,
                [&] { return RECSAE_REAL(Try, IN_MUTEX "13ReaderTryLockEv")(this); });
}

void Mutex::LockWhen(const Condition& condition) {
  TakingWhen(this, 0, condition, [&] {
    RECSAE_REAL(When, IN_MUTEX "8LockWhen" CONDITION)(this, condition);
  });
}
bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  return TakingWhen(this, 0, condition, [&] {
    return RECSAE_REAL(WhenWithTimeout, IN_MUTEX "19LockWhenWithTimeout" TIMEOUT)(this, condition,
                                                                                  timeout);
  });
}
bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  return TakingWhen(this, 0, condition, [&] {
    return RECSAE_REAL(WhenWithDeadline, IN_MUTEX "20LockWhenWithDeadline" DEADLINE)(
        this, condition, deadline);
  });
}
void Mutex::ReaderLockWhen(const Condition& condition) {
  TakingWhen(this, kShared, condition, [&] {
    RECSAE_REAL(When, IN_MUTEX "14ReaderLockWhen" CONDITION)(this, condition);
  });
}
bool Mutex::ReaderLockWhenWithTimeout(const Condition& condition, Duration timeout) {
  return TakingWhen(this, kShared, condition, [&] {
    return RECSAE_REAL(WhenWithTimeout, IN_MUTEX "25ReaderLockWhenWithTimeout" TIMEOUT)(
        this, condition, timeout);
  });
}
bool Mutex::ReaderLockWhenWithDeadline(const Condition& condition, Time deadline) {
  return TakingWhen(this, kShared, condition, [&] {
    return RECSAE_REAL(WhenWithDeadline, IN_MUTEX "26ReaderLockWhenWithDeadline" DEADLINE)(
        this, condition, deadline);
  });
}

void Mutex::Await(const Condition& condition) {
  Waiting(this, (mu_.load() & kHeldExclusively) != 0, condition, [&] {
    RECSAE_REAL(When, IN_MUTEX "5Await" CONDITION)(this, condition);
  });
}
bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  return Waiting(this, (mu_.load() & kHeldExclusively) != 0, condition, [&] {
    return RECSAE_REAL(WhenWithTimeout, IN_MUTEX "16AwaitWithTimeout" TIMEOUT)(this, condition,
                                                                               timeout);
  });
}
bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  return Waiting(this, (mu_.load() & kHeldExclusively) != 0, condition, [&] {
    return RECSAE_REAL(WhenWithDeadline, IN_MUTEX "17AwaitWithDeadline" DEADLINE)(this, condition,
                                                                                  deadline);
  });
}

// Whoever unlocks a mutex evaluates the conditions of those who wait for it, with it still in hand.
bool Condition::Eval() const {
  const auto eval = RECSAE_REAL(bool(const Condition*), "_ZNK4absl7debian39Condition4EvalEv");
  if (inside == nullptr) return eval(this);
  Mutex* const held = inside;
  __tsan_acquire(held);
  __tsan_acquire(const_cast<Condition*>(this));
  bool met = false;
  {
    const Inside scope(nullptr);
    met = eval(this);
  }
  __tsan_release(held);
  return met;
}

#define IN_COND_VAR "_ZN4absl7debian37CondVar"

void CondVar::Wait(Mutex* mutex) {
  Waiting(mutex, (mutex->mu_.load() & kHeldExclusively) != 0, Condition::kTrue, [&] {
    RECSAE_REAL(void(CondVar*, Mutex*), IN_COND_VAR "4WaitEPNS0_5MutexE")(this, mutex);
  });
}
bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  return Waiting(mutex, (mutex->mu_.load() & kHeldExclusively) != 0, Condition::kTrue, [&] {
    return RECSAE_REAL(bool(CondVar*, Mutex*, Duration), IN_COND_VAR
                       "15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE")(this, mutex, timeout);
  });
}
bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  return Waiting(mutex, (mutex->mu_.load() & kHeldExclusively) != 0, Condition::kTrue, [&] {
    return RECSAE_REAL(bool(CondVar*, Mutex*, Time), IN_COND_VAR
                       "16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE")(this, mutex, deadline);
  });
}

ABSL_NAMESPACE_END
}  // namespace absl
