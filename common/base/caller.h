// Whether anybody still waits for what this thread does.
#ifndef RECSAE_COMMON_BASE_CALLER_H_
#define RECSAE_COMMON_BASE_CALLER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace recsae {

// While it lives, CheckCaller asks `check` on this thread: OK, or an error once the caller no
// longer waits (its call was cancelled, its deadline is over). CallerName asks `name` who that is.
// Scopes nest; the innermost one counts.
class CallerScope {
 public:
  explicit CallerScope(std::function<absl::Status()> check,
                       std::function<std::string()> name = nullptr);
  ~CallerScope();
  CallerScope(const CallerScope&) = delete;
  CallerScope& operator=(const CallerScope&) = delete;

 private:
  friend absl::Status CheckCaller();
  friend std::string CallerName();

  const std::function<absl::Status()> check_;
  const std::function<std::string()> name_;
  CallerScope* const outer_;
};

// OK as long as somebody waits, and outside of every call. For waits and loops far below the
// handler of a call; ask at least every 50 ms.
absl::Status CheckCaller();

// Who calls, as the server knows them; "" where it asks nobody who they are, and outside of calls.
std::string CallerName();

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_CALLER_H_
