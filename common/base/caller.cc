#include "common/base/caller.h"

#include <utility>

namespace recsae {
namespace {

thread_local CallerScope* innermost = nullptr;

}  // namespace

CallerScope::CallerScope(std::function<absl::Status()> check, std::function<std::string()> name,
                         std::function<std::string()> address)
    : check_(std::move(check)),
      name_(std::move(name)),
      address_(std::move(address)),
      outer_(innermost) {
  innermost = this;
}

CallerScope::~CallerScope() { innermost = outer_; }

std::string CallerName() {
  return innermost == nullptr || innermost->name_ == nullptr ? "" : innermost->name_();
}

std::string CallerParty() {
  std::string name = CallerName();
  if (!name.empty() || innermost == nullptr || innermost->address_ == nullptr) return name;
  return innermost->address_();
}

absl::Status CheckCaller() { return innermost == nullptr ? absl::OkStatus() : innermost->check_(); }

}  // namespace recsae
