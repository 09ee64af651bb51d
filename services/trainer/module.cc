#include "services/trainer/module.h"

#include <google/protobuf/any.pb.h>
#include <grpcpp/impl/service_type.h>

#include "common/jobs/job_runner.h"
#include "common/process/flags.h"
#include "common/rpc/metrics.h"
#include "services/trainer/peers/probe_source.h"
#include "services/trainer/peers/store_publisher.h"
#include "services/trainer/run/train_job.h"
#include "services/trainer/trainer_service.h"

namespace recsae::trainer {

TrainerModule::TrainerModule() = default;
TrainerModule::~TrainerModule() = default;

void TrainerModule::AddFlags(FlagSet& flags) {
  flags.Add("row-cache-mib", &row_cache_mib_,
            "Captures up to this size are read once and held in memory while a job trains on them, "
            "rows that repeat as one with a weight; larger ones are read again for every epoch",
            0, int64_t{1} << 30);
}

absl::Status TrainerModule::Open(const ModuleContext& context) {
  source_ = MakeProbeSource(context.peers[0]);
  publisher_ = MakeStorePublisher(context.peers[1]);
  TrainJobEnvironment environment;
  environment.source = source_.get();
  environment.publisher = publisher_.get();
  environment.cache_bytes = row_cache_mib_ << 20;
  environment.memory = context.memory;
  environment.count_rows = [rows = context.metrics->GetCounter("recsae_trainer_rows_total",
                                                               "Rows that SAEs were trained on.")](
                               int64_t count) { rows.Increment(static_cast<double>(count)); };
  for (const char* kind : {kTrainSaeKind, kTrainSaesKind}) {
    context.jobs->Register(
        kind, [environment](JobContext& job) { return RunTrainJob(environment, job); });
  }
  service_ = MakeTrainerService(*context.jobs, context.peers[0], context.peers[1], *context.memory);
  return absl::OkStatus();
}

std::vector<grpc::Service*> TrainerModule::services() { return {service_.get()}; }

}  // namespace recsae::trainer
