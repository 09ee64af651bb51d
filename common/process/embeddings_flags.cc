#include "common/process/embeddings_flags.h"

#include "common/base/status.h"
#include "common/process/flags.h"

namespace recsae {

void EmbeddingsFlags::AddTo(FlagSet& flags) {
  flags.Group("Embeddings (docs/meaning-search.md, docs/language-models.md)");
  flags.Add("embeddings-url", &url,
            "OpenAI-compatible endpoint that embeds texts, such as http://127.0.0.1:8080/v1: what "
            "concepts say and what is searched for (concept-store; without: search by words), and "
            "where a build asks for that judge, descriptions and cases (explainer)");
  flags.Add("embeddings-model", &model, "Name of the model there");
  flags.AddPath("embeddings-key-file", &key_file,
                "File whose first line is the endpoint's key, read again when it changes");
}

absl::Status EmbeddingsFlags::Check() const {
  if (url.empty() == model.empty() && (key_file.empty() || !url.empty())) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "EMBEDDINGS_FLAGS_INVALID",
               url.empty()
                   ? "--embeddings-model and --embeddings-key-file need --embeddings-url"
                   : "--embeddings-url needs --embeddings-model, the name of the model there");
}

}  // namespace recsae
