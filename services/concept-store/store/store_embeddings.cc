// Embeddings of what concepts say, kept so that they need not be asked for twice.
#include <algorithm>

#include "common/base/status.h"
#include "services/concept-store/store/layout.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {

absl::StatusOr<std::vector<std::optional<std::string>>> Store::ReadEmbeddings(
    absl::Span<const std::string> keys) const {
  return database_->MultiGet(kEmbeddingFamily, keys);
}

absl::Status Store::KeepEmbeddings(absl::Span<const std::pair<std::string, std::string>> embeddings,
                                   int64_t max_bytes) {
  WriteBatch batch = database_->NewBatch();
  int64_t bytes = 0;
  for (const auto& [key, value] : embeddings) {
    const auto size = static_cast<int64_t>(key.size() + value.size());
    if (embedding_bytes() + bytes + size > max_bytes) break;
    batch.Put(kEmbeddingFamily, key, value);
    bytes += size;
  }
  RECSAE_RETURN_IF_ERROR(database_->Write(std::move(batch), Durability::kUnsynced));
  embedding_bytes_ += bytes;
  return absl::OkStatus();
}

absl::Status Store::DropEmbeddingsBut(absl::Span<const std::string> keys) {
  WriteBatch batch = database_->NewBatch();
  batch.UseReserve();
  int64_t bytes = 0;
  auto scan = database_->Scan(kEmbeddingFamily, "", {.bulk = true});
  for (; scan->Valid(); scan->Next()) {
    if (std::binary_search(keys.begin(), keys.end(), scan->key())) {
      bytes += static_cast<int64_t>(scan->key().size() + scan->value().size());
    } else {
      batch.Delete(kEmbeddingFamily, scan->key());
    }
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  RECSAE_RETURN_IF_ERROR(database_->Write(std::move(batch), Durability::kUnsynced));
  embedding_bytes_ = bytes;
  return absl::OkStatus();
}

}  // namespace recsae::concept_store
