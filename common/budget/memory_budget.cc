#include "common/budget/memory_budget.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"

namespace recsae {

absl::Status AllocationFailed(absl::string_view what) {
  return Error(absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY",
               absl::StrCat(what,
                            " ended because an allocation failed: ask for less at once, try "
                            "again when other work has ended, or lower --memory-limit so that "
                            "work is refused before it starts"));
}

Permit& Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  Release();
  budget_ = std::exchange(other.budget_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  what_ = std::move(other.what_);
  lower_ = std::move(other.lower_);
  return *this;
}

absl::Status Permit::Resize(int64_t bytes) {
  if (budget_ == nullptr) return absl::OkStatus();
  if (bytes > bytes_) {
    RECSAE_RETURN_IF_ERROR(budget_->Grow(bytes - bytes_, bytes, what_, lower_));
  } else {
    budget_->Return(bytes_ - bytes);
  }
  bytes_ = bytes;
  return absl::OkStatus();
}

void Permit::Release() {
  if (budget_ != nullptr) budget_->Return(bytes_);
  budget_ = nullptr;
  bytes_ = 0;
}

MemoryBudget& MemoryBudget::Unlimited() {
  static auto* const budget = new MemoryBudget(kMostBytes);
  return *budget;
}

int64_t MemoryBudget::taken() const {
  const absl::MutexLock lock(&mutex_);
  return taken_;
}

absl::StatusOr<Permit> MemoryBudget::Take(int64_t bytes, absl::string_view what,
                                          absl::string_view lower) {
  bytes = std::max<int64_t>(bytes, 0);
  RECSAE_RETURN_IF_ERROR(Grow(bytes, bytes, what, lower));
  return Permit(*this, bytes, what, lower);
}

absl::Status MemoryBudget::CheckFits(int64_t bytes, absl::string_view what,
                                     absl::string_view lower) const {
  if (bytes <= limit_) return absl::OkStatus();
  return Refusal(bytes, limit_ - taken(), what, lower);
}

// `bytes` more for something of `whole` in all.
absl::Status MemoryBudget::Grow(int64_t bytes, int64_t whole, absl::string_view what,
                                absl::string_view lower) {
  int64_t free = 0;
  if (TryTake(bytes, &free)) return absl::OkStatus();
  if (whole <= limit_) {  // else it is in vain to take from others
    const absl::MutexLock lock(&holders_mutex_);
    for (Holder* holder : holders_) {
      holder->GiveUp(bytes - free);
      if (TryTake(bytes, &free)) return absl::OkStatus();
    }
  }
  return Refusal(whole, free, what, lower);
}

bool MemoryBudget::TryTake(int64_t bytes, int64_t* free) {
  const absl::MutexLock lock(&mutex_);
  *free = limit_ - taken_;
  if (bytes > *free) return false;
  taken_ += bytes;
  return true;
}

void MemoryBudget::Return(int64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  taken_ -= bytes;
}

absl::Status MemoryBudget::Refusal(int64_t bytes, int64_t free, absl::string_view what,
                                   absl::string_view lower) const {
  return Error(
      absl::StatusCode::kResourceExhausted, "MEMORY_BUDGET",
      absl::StrCat(what, " would take about ", FormatBytes(bytes), ", but ", FormatBytes(free),
                   " of the ", FormatBytes(limit_), " that this server may use are free; lower ",
                   lower, bytes <= limit_ ? ", try again when other work has ended" : "",
                   ", or raise --memory-limit"),
      {{"estimate_bytes", absl::StrCat(bytes)},
       {"free_bytes", absl::StrCat(free)},
       {"limit_bytes", absl::StrCat(limit_)},
       {"lower", std::string(lower)}});
}

void MemoryBudget::AddHolder(Holder* holder) {
  const absl::MutexLock lock(&holders_mutex_);
  holders_.push_back(holder);
}

void MemoryBudget::RemoveHolder(Holder* holder) {
  const absl::MutexLock lock(&holders_mutex_);
  std::erase(holders_, holder);
}

std::vector<CacheUse> MemoryBudget::Caches() const {
  const absl::MutexLock lock(&holders_mutex_);
  std::vector<CacheUse> caches;
  caches.reserve(holders_.size());
  for (const Holder* holder : holders_) caches.push_back(holder->Use());
  return caches;
}

}  // namespace recsae
