// Wiring of the explainer.
#include "services/explainer/module.h"

#include <utility>

#include "common/base/status.h"
#include "common/process/flags.h"
#include "services/explainer/backend/backend.h"
#include "services/explainer/explainer_service.h"

namespace recsae::explainer {

ExplainerModule::ExplainerModule() = default;
ExplainerModule::~ExplainerModule() = default;

void ExplainerModule::AddFlags(FlagSet& flags) {
  flags.Group("Language model (docs/language-models.md)");
  flags.Add(
      "llm-url", &language_.url,
      "Endpoint with OpenAI's HTTP API that describes latents and judges descriptions where a "
      "build asks for it, such as http://127.0.0.1:8080/v1; empty: there is none");
  flags.Add("llm-model", &language_.model, "Name of the model there");
  flags.AddPath("llm-key-file", &language_.key_file,
                "File whose first line is the endpoint's key, read again when it changes");
  flags.AddPath("llm-prompts", &language_.prompts,
                "Folder with prompts of your own: describe.txt, detect.txt, level.txt");
  flags.Add("llm-timeout", &language_.timeout_seconds, "Seconds that an answer may take", 1, 3600);
  flags.Add("llm-concurrency", &language_.concurrency, "Calls at a time", 1, 64);
  flags.AddBytes("llm-cache", &language_.cache_bytes,
                 "Answers that are kept in the data directory, so that none is paid twice");
  embeddings_.AddTo(flags);
  flags.AddBytes("embeddings-cache", &embeddings_cache_bytes_,
                 "Embeddings that the explainer keeps in the data directory, so that none is paid "
                 "twice");
}

// Without a URL there is no store either.
absl::Status ExplainerModule::OpenLanguageModel(const ModuleContext& context) {
  if (language_.url.empty()) return absl::OkStatus();
  if (language_.model.empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "LANGUAGE_MODEL_UNNAMED",
                 "--llm-url needs --llm-model, the name of the model at the endpoint");
  }
  LanguageModelSettings settings;
  settings.endpoint.url = language_.url;
  settings.endpoint.model = language_.model;
  settings.endpoint.key_file = language_.key_file;
  settings.endpoint.timeout = absl::Seconds(language_.timeout_seconds);
  settings.prompts = language_.prompts;
  settings.store = context.data_dir + "/answers";
  settings.store_bytes = language_.cache_bytes;
  settings.concurrency = static_cast<int>(language_.concurrency);
  settings.environment = context.environment;
  RECSAE_ASSIGN_OR_RETURN(backend_->language,
                          LanguageModel::Open(std::move(settings), *context.metrics));
  return absl::OkStatus();
}

absl::Status ExplainerModule::OpenEmbedder(const ModuleContext& context) {
  RECSAE_RETURN_IF_ERROR(embeddings_.Check());
  if (!embeddings_.given()) return absl::OkStatus();
  TextEmbedderSettings settings;
  settings.endpoint.url = embeddings_.url;
  settings.endpoint.model = embeddings_.model;
  settings.endpoint.key_file = embeddings_.key_file;
  settings.store = context.data_dir + "/embeddings";
  settings.store_bytes = embeddings_cache_bytes_;
  settings.environment = context.environment;
  RECSAE_ASSIGN_OR_RETURN(backend_->embedder,
                          TextEmbedder::Open(std::move(settings), *context.metrics));
  return absl::OkStatus();
}

absl::Status ExplainerModule::Open(const ModuleContext& context) {
  backend_ = std::make_unique<Backend>(context.peers[0], context.peers[1], *context.metrics,
                                       *context.memory);
  RECSAE_RETURN_IF_ERROR(OpenLanguageModel(context));
  RECSAE_RETURN_IF_ERROR(OpenEmbedder(context));
  service_ = std::make_unique<ExplainerService>(*backend_, *context.jobs, *context.metrics,
                                                context.call_limits);
  return absl::OkStatus();
}

std::vector<grpc::Service*> ExplainerModule::services() { return {service_.get()}; }

absl::Status ExplainerModule::Start() {
  backend_->Start();
  return absl::OkStatus();
}

absl::Status ExplainerModule::Ready() const { return backend_->Ready(); }

// Calls go on with what is cached; an open feed would hold up the concept-store's own stop where
// both are in one process.
void ExplainerModule::Drain() { backend_->Stop(); }

absl::Status ExplainerModule::Stop(absl::Time /*deadline*/) {
  backend_->Stop();
  return absl::OkStatus();
}

}  // namespace recsae::explainer
