// How much memory the work of a process may take together.
//
//   RECSAE_ASSIGN_OR_RETURN(const Permit permit,
//                           budget.Take(bytes, "the data set \"planted\"", "users"));
//   ... the work; the permit ends with it ...
//
// Who works estimates what the work will hold at most, before any of it is allocated, next to the
// code that knows the sizes (common/budget/bytes.h); the budget only knows bytes. Estimates need
// not be exact: they have to be right about what is far too much.
#ifndef RECSAE_COMMON_BUDGET_MEMORY_BUDGET_H_
#define RECSAE_COMMON_BUDGET_MEMORY_BUDGET_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace recsae {

class MemoryBudget;

// RESOURCE_EXHAUSTED (OUT_OF_MEMORY): for who catches std::bad_alloc of `what`.
absl::Status AllocationFailed(absl::string_view what);

// Leave to hold some bytes, given back when it goes. Used by one thread at a time; ends before its
// budget.
class Permit {
 public:
  // Of nothing.
  Permit() = default;
  Permit(Permit&& other) noexcept { *this = std::move(other); }
  Permit& operator=(Permit&& other) noexcept;
  ~Permit() { Release(); }

  int64_t bytes() const { return bytes_; }

  // Makes it one for `bytes` in all. Growing may be refused, as MemoryBudget::Take; then it stays
  // what it was.
  absl::Status Resize(int64_t bytes);
  void Release();

 private:
  friend class MemoryBudget;
  Permit(MemoryBudget& budget, int64_t bytes, absl::string_view what, absl::string_view lower)
      : budget_(&budget), bytes_(bytes), what_(what), lower_(lower) {}

  MemoryBudget* budget_ = nullptr;
  int64_t bytes_ = 0;
  std::string what_, lower_;
};

// What a cache holds, and how often it was asked for what it had, or had not.
struct CacheUse {
  std::string name;
  int64_t bytes = 0;
  int64_t hits = 0;
  int64_t misses = 0;
};

// Thread-safe.
class MemoryBudget {
 public:
  // Something that holds memory which it can do without: a cache.
  class Holder {
   public:
    virtual ~Holder() = default;
    // Gives up what it can do without until about `bytes` are free, least useful first. Called
    // from any thread, without locks of the budget's but the one that keeps holders alive.
    virtual void GiveUp(int64_t bytes) = 0;
    // Called as GiveUp.
    virtual CacheUse Use() const = 0;
  };

  explicit MemoryBudget(int64_t limit_bytes) : limit_(limit_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // One that refuses nothing: for tools and tests that are about something else.
  static MemoryBudget& Unlimited();

  int64_t limit() const { return limit_; }
  int64_t taken() const;

  // Leave to hold `bytes`, for which holders are asked to give up what is not in use.
  // RESOURCE_EXHAUSTED (MEMORY_BUDGET) when that is not enough: the message and the metadata
  // (estimate_bytes, free_bytes, limit_bytes, lower) say what was wanted, what is free and what to
  // lower. `what` names the work; `lower` the fields of the request that its size comes from, or
  // what else helps.
  absl::StatusOr<Permit> Take(int64_t bytes, absl::string_view what, absl::string_view lower);

  // The same refusal if `bytes` would not be had even with nothing else running: for requests that
  // start their work later.
  absl::Status CheckFits(int64_t bytes, absl::string_view what, absl::string_view lower) const;

  void AddHolder(Holder* holder);
  // On return it is not asked any more.
  void RemoveHolder(Holder* holder);
  // Of each holder that there is.
  std::vector<CacheUse> Caches() const;

 private:
  friend class Permit;

  bool TryTake(int64_t bytes, int64_t* free);
  absl::Status Grow(int64_t bytes, int64_t whole, absl::string_view what, absl::string_view lower);
  void Return(int64_t bytes);
  absl::Status Refusal(int64_t bytes, int64_t free, absl::string_view what,
                       absl::string_view lower) const;

  const int64_t limit_;
  mutable absl::Mutex mutex_;
  int64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  // Held while holders are asked. Never taken while mutex_ is held.
  mutable absl::Mutex holders_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  std::vector<Holder*> holders_ ABSL_GUARDED_BY(holders_mutex_);
};

}  // namespace recsae

#endif  // RECSAE_COMMON_BUDGET_MEMORY_BUDGET_H_
