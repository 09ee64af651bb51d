// The concept-store as a part of a process: its own server, or recsae-standalone.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_MODULE_H_
#define RECSAE_SERVICES_CONCEPT_STORE_MODULE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/process/embeddings_flags.h"
#include "common/process/module.h"

namespace recsae::concept_store {

class ConceptStoreService;
class Embedder;
class Store;

class ConceptStoreModule : public ServiceModule {
 public:
  ConceptStoreModule();
  ~ConceptStoreModule() override;

  absl::string_view name() const override { return "concept-store"; }
  void AddFlags(FlagSet& flags) override;
  absl::Status Open(const ModuleContext& context) override;
  std::vector<grpc::Service*> services() override;
  absl::Status Start() override;
  void Drain() override;
  absl::Status Stop(absl::Time deadline) override;

 private:
  EmbeddingsFlags embeddings_;
  std::unique_ptr<Embedder> embedder_;  // null: meanings are not compared
  std::unique_ptr<Store> store_;
  std::unique_ptr<ConceptStoreService> service_;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_MODULE_H_
