#include "common/base/caller.h"

namespace recsae {
namespace {

thread_local CallerScope* innermost = nullptr;

}  // namespace

CallerScope::CallerScope(absl::FunctionRef<absl::Status()> check)
    : check_(check), outer_(innermost) {
  innermost = this;
}

CallerScope::~CallerScope() { innermost = outer_; }

absl::Status CheckCaller() { return innermost == nullptr ? absl::OkStatus() : innermost->check_(); }

}  // namespace recsae
