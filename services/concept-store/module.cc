#include "services/concept-store/module.h"

#include "common/base/status.h"
#include "common/rpc/log.h"
#include "services/concept-store/concept_store_service.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {

ConceptStoreModule::ConceptStoreModule() = default;
ConceptStoreModule::~ConceptStoreModule() = default;

absl::Status ConceptStoreModule::Open(const ModuleContext& context) {
  RECSAE_ASSIGN_OR_RETURN(store_,
                          Store::Open(context.data_dir, {.environment = context.environment}));
  service_ = std::make_unique<ConceptStoreService>(*store_, *context.metrics, *context.memory);
  Log(Severity::kInfo, "concept-store open",
      {{"data_dir", context.data_dir},
       {"saes", store_->saes()},
       {"concepts", store_->concepts()},
       {"revision", store_->revision()}});
  return absl::OkStatus();
}

std::vector<grpc::Service*> ConceptStoreModule::services() { return {service_->grpc_service()}; }

void ConceptStoreModule::Drain() { service_->Drain(); }

absl::Status ConceptStoreModule::Stop(absl::Time /*deadline*/) {
  service_.reset();
  store_.reset();
  return absl::OkStatus();
}

}  // namespace recsae::concept_store
