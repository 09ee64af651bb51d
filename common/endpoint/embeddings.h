// Embeddings of texts.
#ifndef RECSAE_COMMON_ENDPOINT_EMBEDDINGS_H_
#define RECSAE_COMMON_ENDPOINT_EMBEDDINGS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/endpoint/endpoint.h"

namespace recsae {

// Texts of one request, and numbers of one embedding.
inline constexpr size_t kEmbeddingBatch = 32;
inline constexpr size_t kMaxEmbeddingDim = 8192;

struct Embeddings {
  int dim = 0;
  std::vector<float> values;  // [texts, dim], row by row, as the endpoint gave them
  int64_t tokens = 0;         // what the endpoint says it used; 0 where it says nothing

  std::span<const float> Row(size_t text) const {
    const auto width = static_cast<size_t>(dim);
    return {values.data() + text * width, width};
  }
};

// One row a text, in batches. All are of one size and finite; an answer that breaks that is
// DATA_LOSS (ENDPOINT_ANSWER_INVALID). Other errors: those of Endpoint::Post. Thread-safe.
absl::StatusOr<Embeddings> Embed(const Endpoint& endpoint, std::span<const std::string> texts);

}  // namespace recsae

#endif  // RECSAE_COMMON_ENDPOINT_EMBEDDINGS_H_
