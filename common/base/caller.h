// Whether anybody still waits for what this thread does.
#ifndef RECSAE_COMMON_BASE_CALLER_H_
#define RECSAE_COMMON_BASE_CALLER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace recsae {

// While it lives, CheckCaller asks `check` on this thread: OK, or an error once the caller no
// longer waits (its call was cancelled, its deadline is over). CallerName asks `name` who that is,
// CallerParty also `address` from where. Scopes nest; the innermost one counts.
class CallerScope {
 public:
  explicit CallerScope(std::function<absl::Status()> check,
                       std::function<std::string()> name = nullptr,
                       std::function<std::string()> address = nullptr);
  ~CallerScope();
  CallerScope(const CallerScope&) = delete;
  CallerScope& operator=(const CallerScope&) = delete;

 private:
  friend absl::Status CheckCaller();
  friend std::string CallerName();
  friend std::string CallerParty();

  const std::function<absl::Status()> check_;
  const std::function<std::string()> name_;
  const std::function<std::string()> address_;
  CallerScope* const outer_;
};

// OK as long as somebody waits, and outside of every call. For waits and loops far below the
// handler of a call; ask at least every 50 ms.
absl::Status CheckCaller();

// Who calls, as the server knows them; "" where it asks nobody who they are, and outside of calls.
std::string CallerName();

// Whose turn it is where callers share something: the name, or where there is none the address that
// the call comes from, without its port; "" outside of calls.
std::string CallerParty();

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_CALLER_H_
