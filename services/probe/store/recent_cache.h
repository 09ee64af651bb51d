// Keeps the few values that were used last.
#ifndef RECSAE_SERVICES_PROBE_STORE_RECENT_CACHE_H_
#define RECSAE_SERVICES_PROBE_STORE_RECENT_CACHE_H_

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace recsae::probe {

// Shared, immutable values by key. Thread-safe.
template <typename Key, typename Value>
class RecentCache {
 public:
  explicit RecentCache(size_t capacity) : capacity_(capacity) {}

  // Null if it is not there.
  std::shared_ptr<const Value> Find(const Key& key) {
    std::lock_guard lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->first != key) continue;
      entries_.splice(entries_.begin(), entries_, entry);
      return entry->second;
    }
    return nullptr;
  }

  // Adds or replaces.
  void Put(const Key& key, std::shared_ptr<const Value> value) {
    std::lock_guard lock(mutex_);
    entries_.remove_if([&](const auto& entry) { return entry.first == key; });
    entries_.emplace_front(key, std::move(value));
    if (entries_.size() > capacity_) entries_.pop_back();
  }

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::list<std::pair<Key, std::shared_ptr<const Value>>> entries_;  // last used first
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_STORE_RECENT_CACHE_H_
