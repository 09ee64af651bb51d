// The caches and what keeps them fresh.
#include "services/explainer/backend/backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::explainer {

Backend::Backend(std::shared_ptr<Peer> probe, std::shared_ptr<Peer> concept_store,
                 MetricsRegistry& metrics, MemoryBudget& memory_budget)
    : memory(memory_budget),
      peers(std::move(probe), std::move(concept_store)),
      concepts(peers, metrics),
      saes(peers, concepts, metrics, memory),
      recommenders(peers, metrics, memory) {}

Backend::~Backend() { Stop(); }

void Backend::Start() {
  concepts.Start();
  recommenders.Start();
}

absl::Status Backend::Ready() const {
  const auto missing = [](const char* service) {
    return Error(absl::StatusCode::kUnavailable, "CACHES_NOT_FILLED",
                 absl::StrCat("the feed of the ", service, " has brought nothing yet; is it up?"));
  };
  if (!concepts.filled()) return missing("concept-store");
  return recommenders.filled() ? absl::OkStatus() : missing("probe");
}

void Backend::Stop() {
  concepts.Stop();
  recommenders.Stop();
}

}  // namespace recsae::explainer
