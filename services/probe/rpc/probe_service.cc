#include "services/probe/rpc/probe_service.h"

#include "common/base/status.h"
#include "common/rpc/guard.h"
#include "services/probe/datasets/dataset_source.h"

namespace recsae::probe {

ProbeService::ProbeService(Resources& resources, DatasetSource& datasets, HostedModels& models,
                           const TorchKinds& torch, JobRunner& jobs, MetricsRegistry& metrics,
                           MemoryBudget& memory, const Gate::Limits& limits)
    : resources_(resources),
      datasets_(datasets),
      models_(models),
      torch_(torch),
      jobs_(jobs),
      memory_(memory),
      rows_recorded_(metrics.GetCounter("recsae_probe_rows_recorded_total",
                                        "Activations stored by RecordActivations.")),
      rows_read_(metrics.GetCounter("recsae_probe_rows_read_total",
                                    "Rows of captures sent by ReadActivations.")),
      watchers_(metrics.GetGauge("recsae_probe_watchers", "Open WatchResources calls.")),
      watches_([this](int64_t watchers) { watchers_.Set(static_cast<double>(watchers)); }),
      gate_("activations", limits) {
  AddGateMetrics(metrics, gate_);
  watchers_.Set(0);
  resources_.store().changes().SetCallback([this] { watches_.Notify(); });
}

ProbeService::~ProbeService() {
  resources_.store().changes().SetCallback([] {});
}

absl::StatusOr<std::shared_ptr<const ItemIndex>> ProbeService::IndexOf(
    Context* context, const StoredRecommender& recommender) {
  RECSAE_ASSIGN_OR_RETURN(const StoredCatalog catalog,
                          resources_.catalogs().Get(recommender.message.catalog()));
  return resources_.catalogs().Index(catalog, [&] { return CheckAlive(context); });
}

grpc::Status ProbeService::GetDataset(Context* context, const v1::GetDatasetRequest* request,
                                      v1::Dataset* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(
        const std::shared_ptr<const LoadedDataset> loaded,
        datasets_.Load(request->dataset(), [&] { return CheckAlive(context); }));
    const Dataset& dataset = loaded->data;
    response->set_name(dataset.name);
    response->set_format(loaded->format);
    response->set_location(loaded->location);
    response->set_user_count(static_cast<int64_t>(dataset.users.size()));
    response->set_item_count(static_cast<int64_t>(dataset.items.size()));
    int64_t train = 0;
    for (const int32_t length : dataset.train_length) train += length;
    response->set_train_interaction_count(train);
    response->set_dev_row_count(static_cast<int64_t>(dataset.dev.size()));
    response->set_test_row_count(static_cast<int64_t>(dataset.test.size()));
    response->set_fingerprint(loaded->fingerprint);
    response->set_malformed_line_count(dataset.malformed_lines);
    for (const std::string& line : dataset.malformed) response->add_malformed(line);
    AddRemarks(dataset.remarks, *response->mutable_remarks());
    response->set_test_seen_row_count(dataset.test_seen);
    return absl::OkStatus();
  });
}

}  // namespace recsae::probe
