// The caches and what keeps them fresh.
#include "services/explainer/backend/backend.h"

#include <utility>

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

void Backend::Stop() {
  concepts.Stop();
  recommenders.Stop();
}

}  // namespace recsae::explainer
