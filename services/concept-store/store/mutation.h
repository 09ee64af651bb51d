// One write of the store: concepts, their history and the change log in one batch, and what the
// index in memory has to learn once that batch is on disk.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_STORE_MUTATION_H_
#define RECSAE_SERVICES_CONCEPT_STORE_STORE_MUTATION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/storage/database.h"

namespace recsae::concept_store::v1 {
class Baseline;
class Concept;
class ConceptChange;
class Sae;
}  // namespace recsae::concept_store::v1

namespace recsae::concept_store {

class IndexEditor;

// Used by one thread at a time, of all mutations of a store: revisions follow each other.
class Mutation {
 public:
  // Adds to `batch`, which must outlive it. `revision`: that of the last write.
  Mutation(WriteBatch& batch, int64_t revision, absl::Time now);

  // Makes `latent_concept` the state of its latent under the next revision, and sets name, etag,
  // revision, update_time and, where it has none, create_time.
  void Upsert(const std::string& sae_id, v1::Concept* latent_concept);
  // Removes a concept, under the next revision.
  void Remove(const std::string& sae_id, int32_t latent);
  // Makes `baseline` that of its SAE under the next revision, and sets revision and update_time.
  void SetBaseline(const std::string& sae_id, v1::Baseline* baseline);
  // Notes in the change log that an SAE was published or removed, each under the next revision.
  void LogPublished(const std::string& sae_id, const v1::Sae& sae);
  void LogRemoved(const std::string& sae_id);

  // For what else belongs into the write.
  WriteBatch& batch() { return batch_; }
  void OnWritten(std::function<void(IndexEditor&)> effect) {
    effects_.push_back(std::move(effect));
  }

  absl::Time now() const { return now_; }
  // That of the last change added.
  int64_t revision() const { return revision_; }
  // Once the batch is written.
  void ApplyTo(IndexEditor& index) const;

 private:
  void Log(const std::string& sae_id, const v1::ConceptChange& change);
  void LogConcept(const std::string& sae_id, const v1::ConceptChange& change);

  WriteBatch& batch_;
  int64_t revision_;
  const absl::Time now_;
  std::vector<std::function<void(IndexEditor&)>> effects_;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_MUTATION_H_
