#include "services/concept-store/module.h"

#include "common/base/status.h"
#include "common/rpc/log.h"
#include "services/concept-store/concept_store_service.h"
#include "services/concept-store/embedding/embedder.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {

ConceptStoreModule::ConceptStoreModule() = default;
ConceptStoreModule::~ConceptStoreModule() = default;

void ConceptStoreModule::AddFlags(FlagSet& flags) { embeddings_.AddTo(flags); }

absl::Status ConceptStoreModule::Open(const ModuleContext& context) {
  RECSAE_RETURN_IF_ERROR(embeddings_.Check());
  if (embeddings_.given()) {
    RECSAE_ASSIGN_OR_RETURN(
        embedder_, Embedder::Create({embeddings_.url, embeddings_.model, embeddings_.key_file},
                                    *context.metrics));
  }
  RECSAE_ASSIGN_OR_RETURN(
      store_, Store::Open(context.data_dir, {.environment = context.environment,
                                             .texts = embedder_ ? &embedder_->texts() : nullptr}));
  service_ = std::make_unique<ConceptStoreService>(*store_, *context.metrics, *context.memory,
                                                   embedder_.get());
  Log(Severity::kInfo, "concept-store open",
      {{"data_dir", context.data_dir},
       {"saes", store_->saes()},
       {"concepts", store_->concepts()},
       {"revision", store_->revision()}});
  return absl::OkStatus();
}

std::vector<grpc::Service*> ConceptStoreModule::services() { return {service_->grpc_service()}; }

absl::Status ConceptStoreModule::Start() {
  if (embedder_ != nullptr) embedder_->Start(*store_);
  return absl::OkStatus();
}

void ConceptStoreModule::Drain() { service_->Drain(); }

absl::Status ConceptStoreModule::Stop(absl::Time /*deadline*/) {
  service_.reset();
  if (embedder_ != nullptr) embedder_->Stop();
  store_.reset();
  return absl::OkStatus();
}

}  // namespace recsae::concept_store
