// The flags of an endpoint that embeds texts: one set for all modules of a process.
#ifndef RECSAE_COMMON_PROCESS_EMBEDDINGS_FLAGS_H_
#define RECSAE_COMMON_PROCESS_EMBEDDINGS_FLAGS_H_

#include <string>

#include "absl/status/status.h"

namespace recsae {

class FlagSet;

struct EmbeddingsFlags {
  std::string url;
  std::string model;
  std::string key_file;

  // --embeddings-url, --embeddings-model, --embeddings-key-file. Modules of one process add them
  // each and get the same values.
  void AddTo(FlagSet& flags);
  // After Parse: whether there is an endpoint.
  bool given() const { return !url.empty(); }
  // INVALID_ARGUMENT (EMBEDDINGS_FLAGS_INVALID) where there is a URL without a model, or a model or
  // a key file without a URL.
  absl::Status Check() const;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_EMBEDDINGS_FLAGS_H_
