// Embeddings of texts, from an endpoint, each paid for once.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_TEXT_EMBEDDER_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_TEXT_EMBEDDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/endpoint/endpoint.h"
#include "common/rpc/metrics.h"
#include "common/storage/environment.h"
#include "services/explainer/language/paid_store.h"

namespace recsae::explainer {

struct TextEmbedderSettings {
  EndpointOptions endpoint;
  std::string store;  // folder of what was embedded
  int64_t store_bytes = 0;
  Environment environment;
};

// What came of one piece of work.
struct EmbeddingUse {
  int64_t paid = 0;          // texts that the endpoint embedded now
  int refused_in_a_row = 0;  // single texts
};

// Of length 1; empty for a text that the endpoint refused or gave zeros for.
using UnitVector = std::vector<float>;

// Thread-safe.
class TextEmbedder {
 public:
  // Calls nobody. Errors: Endpoint::Create, PaidStore::Open.
  static absl::StatusOr<std::unique_ptr<TextEmbedder>> Open(TextEmbedderSettings settings,
                                                            MetricsRegistry& metrics);

  // One for each text, none of which stands there twice, from what is stored or from the endpoint
  // and then stored, a batch at a time; `paid` is called after each batch that is on disk. A text
  // that the endpoint refuses is left out; five of them in a row are the endpoint's fault and end
  // it with the last one's words. One caller is served at a time, others wait. Errors: those of
  // Embed; FAILED_PRECONDITION (EMBEDDINGS_MIXED) where the sizes of embeddings differ.
  absl::StatusOr<std::vector<UnitVector>> Embed(std::span<const std::string> texts,
                                                const std::function<absl::Status()>& paid,
                                                EmbeddingUse& use);

  const std::string& model() const { return endpoint_->model(); }

 private:
  TextEmbedder(std::unique_ptr<Endpoint> endpoint, std::unique_ptr<PaidStore> store,
               MetricsRegistry& metrics);
  std::string KeyOf(const std::string& text) const;
  // Waits for its turn.
  absl::Status Enter();
  void Leave();
  // Sets those vectors that are stored; the places of the others.
  absl::StatusOr<std::vector<size_t>> TakeStored(std::span<const std::string> texts,
                                                 std::vector<UnitVector>& vectors) const;
  // Has the texts at `places` embedded in one request, or where it is refused in halves.
  absl::Status EmbedBatch(std::span<const std::string> texts, std::span<const size_t> places,
                          const std::function<absl::Status()>& paid,
                          std::vector<UnitVector>& vectors, EmbeddingUse& use);

  const std::unique_ptr<Endpoint> endpoint_;
  const std::unique_ptr<PaidStore> store_;
  const Counter paid_;
  const Counter remembered_;
  const Counter failed_;
  absl::Mutex mutex_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_TEXT_EMBEDDER_H_
