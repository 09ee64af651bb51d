#include "services/probe/module.h"

#include <google/protobuf/any.pb.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/process/flags.h"
#include "common/rpc/log.h"
#include "common/rpc/metrics.h"
#include "services/probe/datasets/dataset_source.h"
#include "services/probe/hosts/host_registry.h"
#include "services/probe/jobs/jobs.h"
#include "services/probe/models/hosted_models.h"
#include "services/probe/rpc/model_hosts_service.h"
#include "services/probe/rpc/probe_service.h"
#include "services/probe/torch/torch_hosts.h"

namespace recsae::probe {

struct ProbeModule::Parts {
  Parts(std::unique_ptr<Resources> opened, LocateOptions locate, const TorchHostOptions& host,
        const ModuleContext& context)
      : resources(std::move(opened)),
        datasets(std::move(locate), *context.memory),
        host_count(context.metrics->GetGauge("recsae_probe_model_hosts",
                                             "Hosts that dialled in and serve a recommender.")),
        hosts([this](int64_t count) { host_count.Set(static_cast<double>(count)); }),
        torch(host),
        models(resources->recommenders(), hosts, torch, *context.memory),
        model_hosts(*resources, hosts, *context.memory),
        service(*resources, datasets, models, torch, *context.jobs, *context.metrics,
                *context.memory, context.call_limits) {
    host_count.Set(0);
  }

  std::unique_ptr<Resources> resources;
  DatasetSource datasets;
  const Gauge host_count;
  HostRegistry hosts;
  TorchHosts torch;
  HostedModels models;
  ModelHosts model_hosts;
  ProbeService service;
};

ProbeModule::ProbeModule() = default;
ProbeModule::~ProbeModule() = default;

void ProbeModule::AddFlags(FlagSet& flags) {
  flags.AddPaths("data", &data_,
                 "folders that data sets are looked for in first, separated by colons; then "
                 "$RECSAE_DATA_DIR and the cache folder");
  flags.Add("allow-downloads", &allow_downloads_,
            "fetch data sets that are asked for and not there (ml-1m, ml-100k) from their "
            "publisher into the cache folder");
  flags.AddPath("torch-host", &torch_host_,
                "path of the program recsae-torch-host, which runs SASRec, TiMiRec, GPT, BERT4Rec "
                "and TorchScript "
                "modules and trains ECF; empty: beside this program, then in $PATH");
  flags.Add("allow-modules", &allow_modules_,
            "accept and run TorchScript modules: code of whoever may call ImportRecommender. Each "
            "runs in a process of its own without files, network or other programs");
  flags.AddBytes("module-memory", &module_memory_,
                 "memory that a TorchScript module may take, beside its own size");
  flags.Add("module-deadline", &module_deadline_,
            "seconds that one call of a TorchScript module may take; it is ended then", 0.1,
            86'400);
}

absl::Status ProbeModule::Open(const ModuleContext& context) {
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Resources> resources,
                          Resources::Open(context.data_dir, *context.memory, context.environment));
  const std::vector<std::string> folders = absl::StrSplit(data_, ':', absl::SkipEmpty());
  for (const std::string& folder : folders) {
    std::error_code error;
    if (std::filesystem::is_directory(folder, error)) continue;
    Log(Severity::kWarning, "a folder of --data is not there", {{"folder", folder}});
  }
  parts_ =
      std::make_unique<Parts>(std::move(resources), DefaultLocateOptions(folders, allow_downloads_),
                              TorchHostOptions{.program = torch_host_,
                                               .allow_modules = allow_modules_,
                                               .module_memory = module_memory_,
                                               .module_deadline = absl::Seconds(module_deadline_)},
                              context);
  const JobEnvironment environment{*parts_->resources, parts_->datasets, parts_->models,
                                   parts_->torch, *context.memory};
  context.jobs->Register(
      kTrainJob, [environment](JobContext& job) { return TrainRecommenderJob(environment, job); });
  context.jobs->Register(kCaptureJob, [environment](JobContext& job) {
    return CaptureActivationsJob(environment, job);
  });
  return absl::OkStatus();
}

std::vector<grpc::Service*> ProbeModule::services() {
  return {&parts_->service, &parts_->model_hosts};
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
