// Wiring of the explainer.
#include "services/explainer/module.h"

#include "services/explainer/backend/backend.h"
#include "services/explainer/explainer_service.h"

namespace recsae::explainer {

ExplainerModule::ExplainerModule() = default;
ExplainerModule::~ExplainerModule() = default;

absl::Status ExplainerModule::Open(const ModuleContext& context) {
  backend_ = std::make_unique<Backend>(context.peers[0], context.peers[1], *context.metrics,
                                       *context.memory);
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
