// Values by key: loaded at their first use, by one caller for all who wait, and kept within a
// number of bytes, the least recently used dropped.
#ifndef RECSAE_COMMON_BUDGET_CACHE_H_
#define RECSAE_COMMON_BUDGET_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/budget/memory_budget.h"

namespace recsae {

// For callers who wait however long it takes.
inline absl::Status NeverGone() { return absl::OkStatus(); }

// Thread-safe. Values are immutable; who holds one keeps it, whatever the cache does, and its bytes
// stay taken from the budget as long as anyone does. When the budget runs short the cache gives up
// values that nobody else holds. Ends after all that it may load and before its budget.
template <typename Key, typename T>
class WeighedCache final : public MemoryBudget::Holder {
 public:
  using Value = std::shared_ptr<const T>;

  // A value and the permit for it, whose bytes are its weight. A loader takes the permit before it
  // allocates the value, and resizes it to what the value turned out to be.
  struct Loaded {
    Permit permit;
    Value value;  // gone before its permit
  };
  using Loader = absl::FunctionRef<absl::StatusOr<Loaded>()>;
  // How many values there are, and their bytes.
  using Observer = std::function<void(size_t values, int64_t bytes)>;

  // Values of at most `capacity` bytes in all; the last one used stays however large it is. `name`
  // says of what, for metrics.
  WeighedCache(std::string name, MemoryBudget& budget, int64_t capacity, Observer observer = {})
      : name_(std::move(name)),
        budget_(budget),
        capacity_(capacity),
        observer_(std::move(observer)) {
    budget_.AddHolder(this);
  }
  ~WeighedCache() override { budget_.RemoveHolder(this); }
  WeighedCache(const WeighedCache&) = delete;
  WeighedCache& operator=(const WeighedCache&) = delete;

  // The value of `key`, from `load` when it is not there. One caller at a time loads a key; the
  // others wait for it, as long as `alive` (asked every few milliseconds) is OK, and load
  // themselves should it fail.
  absl::StatusOr<Value> Get(const Key& key, absl::FunctionRef<absl::Status()> alive, Loader load) {
    {
      const absl::MutexLock lock(&mutex_);
      while (true) {
        if (const auto found = index_.find(key); found != index_.end()) {
          entries_.splice(entries_.begin(), entries_, found->second);
          ++hits_;
          return found->second->value;
        }
        if (loading_.insert(key).second) {
          ++misses_;
          break;
        }
        loaded_.WaitWithTimeout(&mutex_, absl::Milliseconds(20));
        RECSAE_RETURN_IF_ERROR(alive());
      }
    }
    const Loading loading(*this, key);
    RECSAE_ASSIGN_OR_RETURN(Loaded loaded, load());
    return Insert(key, std::move(loaded));
  }

  std::vector<std::pair<Key, Value>> Entries() const {
    const absl::MutexLock lock(&mutex_);
    std::vector<std::pair<Key, Value>> entries;
    for (const Entry& entry : entries_) entries.emplace_back(entry.key, entry.value);
    return entries;
  }

  // Forgets `key` if it still has this value.
  void Drop(const Key& key, const Value& value) {
    std::list<Entry> dropped;  // ends without the lock
    const absl::MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found != index_.end() && found->second->value == value) Remove(found->second, dropped);
  }

  int64_t bytes() const {
    const absl::MutexLock lock(&mutex_);
    return bytes_;
  }

  // Who waits for another's load and gets it has hit.
  CacheUse Use() const override {
    const absl::MutexLock lock(&mutex_);
    return {name_, bytes_, hits_, misses_};
  }

  void GiveUp(int64_t bytes) override {
    std::list<Entry> dropped;
    const absl::MutexLock lock(&mutex_);
    for (auto entry = entries_.end(); bytes > 0 && entry != entries_.begin();) {
      --entry;
      if (entry->value.use_count() > 1) continue;  // would free nothing
      bytes -= entry->bytes;
      entry = Remove(entry, dropped);
    }
  }

 private:
  struct Entry {
    Key key;
    Value value;
    int64_t bytes = 0;
  };
  using Iterator = typename std::list<Entry>::iterator;

  // Lets others load `key` again when it goes, however the load ended.
  class Loading {
   public:
    Loading(WeighedCache& cache, const Key& key) : cache_(cache), key_(key) {}
    ~Loading() {
      const absl::MutexLock lock(&cache_.mutex_);
      cache_.loading_.erase(key_);
      cache_.loaded_.SignalAll();
    }
    Loading(const Loading&) = delete;
    Loading& operator=(const Loading&) = delete;

   private:
    WeighedCache& cache_;
    const Key& key_;
  };

  // Returns what follows the entry.
  Iterator Remove(Iterator entry, std::list<Entry>& dropped) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const Iterator next = std::next(entry);
    bytes_ -= entry->bytes;
    index_.erase(entry->key);
    dropped.splice(dropped.end(), entries_, entry);
    Observe();
    return next;
  }

  Value Insert(const Key& key, Loaded loaded) {
    // The permit ends with the last one who holds the value.
    const int64_t bytes = loaded.permit.bytes();
    const auto held = std::make_shared<Loaded>(std::move(loaded));
    Value value(held, held->value.get());
    std::list<Entry> dropped;
    const absl::MutexLock lock(&mutex_);
    entries_.push_front({key, value, bytes});
    index_[key] = entries_.begin();
    bytes_ += bytes;
    while (bytes_ > capacity_ && entries_.size() > 1) Remove(std::prev(entries_.end()), dropped);
    Observe();
    return value;
  }

  void Observe() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (observer_) observer_(entries_.size(), bytes_);
  }

  const std::string name_;
  MemoryBudget& budget_;
  const int64_t capacity_;
  const Observer observer_;
  mutable absl::Mutex mutex_;
  absl::CondVar loaded_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // most recently used first
  std::map<Key, Iterator> index_ ABSL_GUARDED_BY(mutex_);
  std::set<Key> loading_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t hits_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t misses_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_BUDGET_CACHE_H_
