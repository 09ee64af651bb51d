// Has texts embedded by an endpoint: what concepts say in the background, queries as they come.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_EMBEDDING_EMBEDDER_H_
#define RECSAE_SERVICES_CONCEPT_STORE_EMBEDDING_EMBEDDER_H_

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/endpoint/endpoint.h"
#include "common/rpc/metrics.h"
#include "services/concept-store/meaning/meaning_texts.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {

// A search waits this long for its query's embedding, then goes by words.
inline constexpr absl::Duration kQueryDeadline = absl::Seconds(2);
// After a query that was not embedded, searches go by words at once for this long.
inline constexpr absl::Duration kQueryPause = absl::Seconds(5);
// Queries whose embeddings are kept in memory, and those that are asked for at a time.
inline constexpr size_t kCachedQueries = 256;
inline constexpr int kMaxQueriesAsked = 8;

struct EmbedderOptions {
  std::string url;
  std::string model;
  std::string key_file;
};

// Thread-safe, but for Start and Stop. A write waits for nothing of it: what concepts say is handed
// over through texts(), a thread of its own has it embedded, in batches, and keeps the result in
// the store. Where the endpoint fails it is asked again, after 1 s at first and 60 s at most.
class Embedder {
 public:
  // Errors: those of Endpoint::Create.
  static absl::StatusOr<std::unique_ptr<Embedder>> Create(const EmbedderOptions& options,
                                                          MetricsRegistry& metrics);
  ~Embedder();
  Embedder(const Embedder&) = delete;
  Embedder& operator=(const Embedder&) = delete;

  MeaningTexts& texts() { return texts_; }
  // `store` stays until Stop.
  void Start(Store& store);
  // Ends a request that is on its way.
  void Stop();

  // Waits for kQueryDeadline at most.
  QueryMeaning Ask(const std::string& query);
  void ShowMetrics() const;

 private:
  struct Metrics {
    explicit Metrics(MetricsRegistry& metrics);
    Gauge known;
    Gauge wanted;
    Counter concepts_ok;
    Counter concepts_failed;
    Counter queries_ok;
    Counter queries_failed;
  };
  using Value = std::shared_ptr<const Embedding>;

  Embedder(std::unique_ptr<Endpoint> background, std::unique_ptr<Endpoint> foreground,
           MetricsRegistry& metrics);
  void Run(Store& store);
  absl::Status DropUnused(Store& store) const;
  // Sets what the store has; the others.
  absl::StatusOr<std::vector<std::string>> TakeKept(const Store& store,
                                                    const std::vector<std::string>& texts);
  absl::Status EmbedTexts(Store& store, const std::vector<std::string>& texts);
  std::string KeyOf(const std::string& text) const;
  std::vector<std::string> KeysOf(const std::vector<std::string>& texts) const;
  void Tell(const absl::Status& status);

  // What is known of a query without asking; no embedding and no reason: it may be asked.
  QueryMeaning BeforeAsking(const std::string& query);
  void AfterAsking(const std::string& query, const absl::StatusOr<Value>& answer);
  absl::StatusOr<Value> EmbedQuery(const std::string& query) const;

  const std::unique_ptr<Endpoint> background_;
  const std::unique_ptr<Endpoint> foreground_;
  const Metrics metrics_;
  MeaningTexts texts_;
  std::thread thread_;

  absl::Mutex mutex_;
  absl::Status problem_ ABSL_GUARDED_BY(mutex_);        // of the background
  absl::Status query_problem_ ABSL_GUARDED_BY(mutex_);  // until then:
  absl::Time ask_again_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int asked_ ABSL_GUARDED_BY(mutex_) = 0;
  // The last one used first.
  std::list<std::pair<std::string, Value>> queries_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::list<std::pair<std::string, Value>>::iterator> by_query_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_EMBEDDING_EMBEDDER_H_
