// Values by name, loaded at their first use, the least recently used dropped.
#ifndef RECSAE_SERVICES_EXPLAINER_CACHES_LOADING_CACHE_H_
#define RECSAE_SERVICES_EXPLAINER_CACHES_LOADING_CACHE_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/rpc/metrics.h"
#include "services/explainer/peers/caller.h"

namespace recsae::explainer {

// Thread-safe. Values are immutable; who holds one keeps it, whatever the cache does.
template <typename T>
class LoadingCache {
 public:
  using Value = std::shared_ptr<const T>;

  // At most `capacity` values; `size` shows how many there are.
  LoadingCache(size_t capacity, Gauge size) : capacity_(capacity), size_(size) {}

  // The value of `name`, from `load` when it is not there. One caller at a time loads a name; the
  // others wait for it (as long as they are alive) and load themselves should it fail.
  absl::StatusOr<Value> Get(const std::string& name, const Caller& caller,
                            absl::FunctionRef<absl::StatusOr<Value>()> load) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      if (const auto found = index_.find(name); found != index_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->second;
      }
      if (loading_.insert(name).second) break;
      loaded_.wait_for(lock, std::chrono::milliseconds(20));
      RECSAE_RETURN_IF_ERROR(caller.Alive());
    }
    lock.unlock();
    const Loading loading(*this, name);
    absl::StatusOr<Value> value = load();
    if (value.ok()) Insert(name, *value);
    return value;
  }

  std::vector<std::pair<std::string, Value>> Entries() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {entries_.begin(), entries_.end()};
  }

  // Forgets `name` if it still has this value.
  void Drop(const std::string& name, const Value& value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = index_.find(name);
    if (found == index_.end() || found->second->second != value) return;
    entries_.erase(found->second);
    index_.erase(found);
    size_.Set(static_cast<double>(entries_.size()));
  }

 private:
  using Entry = std::pair<std::string, Value>;

  // Lets others load `name` again when it goes, however the load ended.
  class Loading {
   public:
    Loading(LoadingCache& cache, const std::string& name) : cache_(cache), name_(name) {}
    ~Loading() {
      const std::lock_guard<std::mutex> lock(cache_.mutex_);
      cache_.loading_.erase(name_);
      cache_.loaded_.notify_all();
    }
    Loading(const Loading&) = delete;
    Loading& operator=(const Loading&) = delete;

   private:
    LoadingCache& cache_;
    const std::string& name_;
  };

  void Insert(const std::string& name, const Value& value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    entries_.emplace_front(name, value);
    index_[name] = entries_.begin();
    if (entries_.size() > capacity_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    size_.Set(static_cast<double>(entries_.size()));
  }

  const size_t capacity_;
  const Gauge size_;
  mutable std::mutex mutex_;
  std::condition_variable loaded_;
  std::list<Entry> entries_;  // most recently used first
  std::map<std::string, typename std::list<Entry>::iterator> index_;
  std::set<std::string> loading_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CACHES_LOADING_CACHE_H_
