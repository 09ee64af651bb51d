#include "common/base/caller.h"

#include <utility>

namespace recsae {
namespace {

thread_local CallerScope* innermost = nullptr;

}  // namespace

CallerScope::CallerScope(std::function<absl::Status()> check)
    : check_(std::move(check)), outer_(innermost) {
  innermost = this;
}

CallerScope::~CallerScope() { innermost = outer_; }

absl::Status CheckCaller() { return innermost == nullptr ? absl::OkStatus() : innermost->check_(); }

}  // namespace recsae
