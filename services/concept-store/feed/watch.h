// Serves WatchConcepts: any number of callers, each at its own place in the change log.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_FEED_WATCH_H_
#define RECSAE_SERVICES_CONCEPT_STORE_FEED_WATCH_H_

#include <grpcpp/support/server_callback.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace recsae::concept_store::v1 {
class ConceptChange;
class WatchConceptsRequest;
}  // namespace recsae::concept_store::v1

namespace recsae::concept_store {

class Store;

// Thread-safe. A watch holds no thread and at most kWatchBufferBytes of changes: what its caller
// has not taken yet stays in the log. Watches end with UNAVAILABLE (SERVER_DRAINING) once the hub
// drains; those whose caller does not read are cancelled half a second later.
class WatchHub {
 public:
  // `on_count` hears of every change of the number of watches.
  WatchHub(const Store& store, std::function<void(int64_t)> on_count);
  // Every watch must have ended: shut the server down first.
  ~WatchHub();
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  // The reactor of one call; it deletes itself.
  grpc::ServerWriteReactor<v1::ConceptChange>* Watch(grpc::CallbackServerContext* context,
                                                     const v1::WatchConceptsRequest& request);
  // The store has new changes. Returns at once.
  void Notify();
  // Ends all watches, and those that still come. Returns at once.
  void Drain();

 private:
  class Watcher;

  void Run();
  void Remove(Watcher* watcher);

  const Store& store_;
  const std::function<void(int64_t)> on_count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::shared_ptr<Watcher>> watchers_;
  bool notified_ = false;
  bool draining_ = false;
  bool stopping_ = false;
  std::thread dispatcher_;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_FEED_WATCH_H_
