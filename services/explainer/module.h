// The explainer as a part of a process.
#ifndef RECSAE_SERVICES_EXPLAINER_MODULE_H_
#define RECSAE_SERVICES_EXPLAINER_MODULE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/process/embeddings_flags.h"
#include "common/process/module.h"

namespace recsae::explainer {

class Backend;
class ExplainerService;

// See ServiceModule. Needs the peers probe and concept-store, and the process's job runner.
class ExplainerModule : public ServiceModule {
 public:
  ExplainerModule();
  ~ExplainerModule() override;

  absl::string_view name() const override { return "explainer"; }
  std::vector<std::string> peers() const override { return {"probe", "concept-store"}; }
  bool uses_jobs() const override { return true; }
  void AddFlags(FlagSet& flags) override;
  absl::Status Open(const ModuleContext& context) override;
  std::vector<grpc::Service*> services() override;
  absl::Status Start() override;
  absl::Status Ready() const override;
  void Drain() override;
  absl::Status Stop(absl::Time deadline) override;

 private:
  // --llm-…
  struct LanguageFlags {
    std::string url;
    std::string model;
    std::string key_file;
    std::string prompts;
    int64_t timeout_seconds = 120;
    int64_t concurrency = 4;
    int64_t cache_bytes = int64_t{256} << 20;
  };
  absl::Status OpenLanguageModel(const ModuleContext& context);

  // Likewise.
  absl::Status OpenEmbedder(const ModuleContext& context);

  LanguageFlags language_;
  EmbeddingsFlags embeddings_;
  int64_t embeddings_cache_bytes_ = int64_t{256} << 20;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<ExplainerService> service_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_MODULE_H_
