// Values by name and version, loaded at their first use, the least recently used dropped.
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

  // The value that `name` has in `version`, from `load` when it is not there; one of another
  // version is dropped for it. One caller at a time loads a version; the others wait for it (as
  // long as they are alive) and load themselves should it fail.
  absl::StatusOr<Value> Get(const std::string& name, const std::string& version,
                            const Caller& caller, absl::FunctionRef<absl::StatusOr<Value>()> load) {
    const Key key(name, version);
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      if (const auto found = index_.find(name);
          found != index_.end() && found->second->key == key) {
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->value;
      }
      if (loading_.insert(key).second) break;
      loaded_.wait_for(lock, std::chrono::milliseconds(20));
      RECSAE_RETURN_IF_ERROR(caller.Alive());
    }
    lock.unlock();
    const Loading loading(*this, key);
    absl::StatusOr<Value> value = load();
    if (value.ok()) Insert(key, *value);
    return value;
  }

 private:
  using Key = std::pair<std::string, std::string>;  // name, version
  struct Entry {
    Key key;
    Value value;
  };

  // Lets others load the version again when it goes, however the load ended.
  class Loading {
   public:
    Loading(LoadingCache& cache, const Key& key) : cache_(cache), key_(key) {}
    ~Loading() {
      const std::lock_guard<std::mutex> lock(cache_.mutex_);
      cache_.loading_.erase(key_);
      cache_.loaded_.notify_all();
    }
    Loading(const Loading&) = delete;
    Loading& operator=(const Loading&) = delete;

   private:
    LoadingCache& cache_;
    const Key& key_;
  };

  void Insert(const Key& key, const Value& value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (const auto other = index_.find(key.first); other != index_.end()) {
      entries_.erase(other->second);
    }
    entries_.push_front({key, value});
    index_[key.first] = entries_.begin();
    if (entries_.size() > capacity_) {
      index_.erase(entries_.back().key.first);
      entries_.pop_back();
    }
    size_.Set(static_cast<double>(entries_.size()));
  }

  const size_t capacity_;
  const Gauge size_;
  std::mutex mutex_;
  std::condition_variable loaded_;
  std::list<Entry> entries_;                                          // most recently used first
  std::map<std::string, typename std::list<Entry>::iterator> index_;  // by name
  std::set<Key> loading_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CACHES_LOADING_CACHE_H_
