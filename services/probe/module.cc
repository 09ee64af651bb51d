#include "services/probe/module.h"

#include <google/protobuf/any.pb.h>

#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/process/flags.h"
#include "services/probe/datasets/dataset_source.h"
#include "services/probe/jobs/jobs.h"
#include "common/rpc/metrics.h"
#include "services/probe/hosts/host_registry.h"
#include "services/probe/models/hosted_models.h"
#include "services/probe/rpc/model_hosts_service.h"
#include "services/probe/rpc/probe_service.h"

namespace recsae::probe {

struct ProbeModule::Parts {
  Parts(std::unique_ptr<Resources> opened, LocateOptions locate, const ModuleContext& context)
      : resources(std::move(opened)),
        datasets(std::move(locate), *context.memory),
        host_count(context.metrics->GetGauge("recsae_probe_model_hosts",
                                             "Hosts that dialled in and serve a recommender.")),
        hosts([this](int64_t count) { host_count.Set(static_cast<double>(count)); }),
        models(resources->recommenders(), hosts, *context.memory),
        model_hosts(*resources, hosts, *context.memory),
        service(*resources, datasets, models, *context.jobs, *context.metrics, *context.memory) {
    host_count.Set(0);
  }

  std::unique_ptr<Resources> resources;
  DatasetSource datasets;
  const Gauge host_count;
  HostRegistry hosts;
  HostedModels models;
  ModelHosts model_hosts;
  ProbeService service;
};

ProbeModule::ProbeModule() = default;
ProbeModule::~ProbeModule() = default;

void ProbeModule::AddFlags(FlagSet& flags) {
  flags.Add("data", &data_,
            "folders that data sets are looked for in first, separated by colons; then "
            "$RECSAE_DATA_DIR and the cache folder");
}

absl::Status ProbeModule::Open(const ModuleContext& context) {
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Resources> resources,
                          Resources::Open(context.data_dir, *context.memory));
  parts_ = std::make_unique<Parts>(
      std::move(resources), DefaultLocateOptions(absl::StrSplit(data_, ':', absl::SkipEmpty())),
      context);
  const JobEnvironment environment{*parts_->resources, parts_->datasets, parts_->models,
                                   *context.memory};
  context.jobs->Register(
      kTrainJob, [environment](JobContext& job) { return TrainRecommenderJob(environment, job); });
  context.jobs->Register(kCaptureJob, [environment](JobContext& job) {
    return CaptureActivationsJob(environment, job);
  });
  return absl::OkStatus();
}

std::vector<grpc::Service*> ProbeModule::services() { return {&parts_->service, &parts_->model_hosts};
}

void ProbeModule::Drain() {
  parts_->service.Drain();
  parts_->model_hosts.Drain();
}

absl::Status ProbeModule::Stop(absl::Time /*deadline*/) {
  parts_.reset();
  return absl::OkStatus();
}

}  // namespace recsae::probe
