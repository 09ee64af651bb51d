// The trainer as a part of a process: recsae-trainer or recsae-standalone.
#ifndef RECSAE_SERVICES_TRAINER_MODULE_H_
#define RECSAE_SERVICES_TRAINER_MODULE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/process/module.h"

namespace recsae::trainer {

class ActivationSource;
class SaePublisher;

class TrainerModule : public ServiceModule {
 public:
  TrainerModule();
  ~TrainerModule() override;

  absl::string_view name() const override { return "trainer"; }
  std::vector<std::string> peers() const override { return {"probe", "concept-store"}; }
  bool uses_jobs() const override { return true; }
  void AddFlags(FlagSet& flags) override;
  absl::Status Open(const ModuleContext& context) override;
  std::vector<grpc::Service*> services() override;

 private:
  int64_t row_cache_mib_ = 512;
  std::unique_ptr<ActivationSource> source_;
  std::unique_ptr<SaePublisher> publisher_;
  std::unique_ptr<grpc::Service> service_;
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_MODULE_H_
