// The probe as a part of a process: its own server, or recsae-standalone.
#ifndef RECSAE_SERVICES_PROBE_MODULE_H_
#define RECSAE_SERVICES_PROBE_MODULE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/process/module.h"

namespace recsae::probe {

class ProbeModule : public ServiceModule {
 public:
  ProbeModule();
  ~ProbeModule() override;

  absl::string_view name() const override { return "probe"; }
  bool uses_jobs() const override { return true; }
  void AddFlags(FlagSet& flags) override;
  absl::Status Open(const ModuleContext& context) override;
  std::vector<grpc::Service*> services() override;
  void Drain() override;
  absl::Status Stop(absl::Time deadline) override;

 private:
  struct Parts;

  std::string data_;
  std::string torch_host_;
  bool allow_downloads_ = false;
  bool allow_modules_ = false;
  int64_t module_memory_ = int64_t{2} << 30;
  double module_deadline_ = 30;
  std::unique_ptr<Parts> parts_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_MODULE_H_
