// The RPC service recsae.concept_store.v1.ConceptStore over a Store.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_CONCEPT_STORE_SERVICE_H_
#define RECSAE_SERVICES_CONCEPT_STORE_CONCEPT_STORE_SERVICE_H_

#include <memory>

namespace grpc {
class Service;
}  // namespace grpc

namespace recsae {
class MemoryBudget;
class MetricsRegistry;
}  // namespace recsae

namespace recsae::concept_store {

class Embedder;
class Store;

// Thread-safe. Destroy it after the server that serves it has shut down.
class ConceptStoreService {
 public:
  // All must outlive the service, which takes the store's write callback. Without `embedder`
  // searches go by words.
  ConceptStoreService(Store& store, MetricsRegistry& metrics, MemoryBudget& memory,
                      Embedder* embedder = nullptr);
  ~ConceptStoreService();

  grpc::Service* grpc_service();
  // Ends the watches with UNAVAILABLE. Returns at once.
  void Drain();

 private:
  class Rpc;
  std::unique_ptr<Rpc> rpc_;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_CONCEPT_STORE_SERVICE_H_
