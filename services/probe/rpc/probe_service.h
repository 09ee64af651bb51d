// The RPC service recsae.probe.v1.Probe: checks requests, calls the stores and jobs, converts back.
// One source file for each kind of resource (catalogs_rpc.cc, recommenders_rpc.cc,
// captures_rpc.cc), one for imports (import_rpc.cc), one for running hosted recommenders
// (activations_rpc.cc) and one for the streams of activations (streams_rpc.cc).
#ifndef RECSAE_SERVICES_PROBE_RPC_PROBE_SERVICE_H_
#define RECSAE_SERVICES_PROBE_RPC_PROBE_SERVICE_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/budget/gate.h"
#include "common/rpc/metrics.h"
#include "common/rpc/watch_hub.h"
#include "recsae/probe/v1/probe.grpc.pb.h"
#include "services/probe/resources/resources.h"

namespace recsae {
class JobRunner;
class MemoryBudget;
}  // namespace recsae

namespace recsae::probe {

class CaptureReader;
class CaseReader;
class DatasetSource;
class HostedModels;
class TorchKinds;

// Everything passed in outlives the service, which takes the store's change callback. Watches are
// served by callbacks, so that they take no thread each; the rest by blocking handlers.
class ProbeService final : public v1::Probe::WithCallbackMethod_WatchResources<v1::Probe::Service> {
 public:
  ProbeService(Resources& resources, DatasetSource& datasets, HostedModels& models,
               const TorchKinds& torch, JobRunner& jobs, MetricsRegistry& metrics,
               MemoryBudget& memory, const Gate::Limits& limits);
  // The server that serves it must have shut down.
  ~ProbeService() override;

  // Ends the watches with UNAVAILABLE. Returns at once.
  void Drain() { watches_.Drain(); }

  using Context = grpc::ServerContext;

  grpc::Status GetDataset(Context* context, const v1::GetDatasetRequest* request,
                          v1::Dataset* response) override;

  grpc::Status CreateCatalog(Context* context, const v1::CreateCatalogRequest* request,
                             v1::Catalog* response) override;
  grpc::Status UploadItems(Context* context, grpc::ServerReader<v1::UploadItemsRequest>* reader,
                           v1::UploadItemsResponse* response) override;
  grpc::Status GetCatalog(Context* context, const v1::GetCatalogRequest* request,
                          v1::Catalog* response) override;
  grpc::Status ListCatalogs(Context* context, const v1::ListCatalogsRequest* request,
                            v1::ListCatalogsResponse* response) override;
  grpc::Status DeleteCatalog(Context* context, const v1::DeleteCatalogRequest* request,
                             google::protobuf::Empty* response) override;
  grpc::Status ListItems(Context* context, const v1::ListItemsRequest* request,
                         v1::ListItemsResponse* response) override;
  grpc::Status ReadItems(Context* context, const v1::ReadItemsRequest* request,
                         grpc::ServerWriter<v1::ReadItemsResponse>* writer) override;

  grpc::Status CreateRecommender(Context* context, const v1::CreateRecommenderRequest* request,
                                 v1::Recommender* response) override;
  grpc::Status TrainRecommender(Context* context, const v1::TrainRecommenderRequest* request,
                                jobs::v1::Job* response) override;
  grpc::Status GetRecommender(Context* context, const v1::GetRecommenderRequest* request,
                              v1::Recommender* response) override;
  grpc::Status ListRecommenders(Context* context, const v1::ListRecommendersRequest* request,
                                v1::ListRecommendersResponse* response) override;
  grpc::Status ImportRecommender(Context* context,
                                 grpc::ServerReader<v1::ImportRecommenderRequest>* reader,
                                 v1::Recommender* response) override;
  grpc::Status DeleteRecommender(Context* context, const v1::DeleteRecommenderRequest* request,
                                 google::protobuf::Empty* response) override;
  grpc::Status UploadPredictionHead(Context* context,
                                    grpc::ServerReader<v1::UploadPredictionHeadRequest>* reader,
                                    v1::Recommender* response) override;
  grpc::Status ReadPredictionHead(
      Context* context, const v1::ReadPredictionHeadRequest* request,
      grpc::ServerWriter<v1::ReadPredictionHeadResponse>* writer) override;
  grpc::Status ComputeActivations(Context* context, const v1::ComputeActivationsRequest* request,
                                  v1::ComputeActivationsResponse* response) override;
  grpc::Status ResumeFromSite(Context* context, const v1::ResumeFromSiteRequest* request,
                              v1::ComputeActivationsResponse* response) override;

  grpc::ServerWriteReactor<v1::ResourceChange>* WatchResources(
      grpc::CallbackServerContext* context, const v1::WatchResourcesRequest* request) override;

  grpc::Status CreateCapture(Context* context, const v1::CreateCaptureRequest* request,
                             v1::Capture* response) override;
  grpc::Status CaptureActivations(Context* context, const v1::CaptureActivationsRequest* request,
                                  jobs::v1::Job* response) override;
  grpc::Status RecordActivations(Context* context,
                                 grpc::ServerReader<v1::RecordActivationsRequest>* reader,
                                 v1::RecordActivationsResponse* response) override;
  grpc::Status GetCapture(Context* context, const v1::GetCaptureRequest* request,
                          v1::Capture* response) override;
  grpc::Status ListCaptures(Context* context, const v1::ListCapturesRequest* request,
                            v1::ListCapturesResponse* response) override;
  grpc::Status DeleteCapture(Context* context, const v1::DeleteCaptureRequest* request,
                             google::protobuf::Empty* response) override;
  grpc::Status ReadActivations(Context* context, const v1::ReadActivationsRequest* request,
                               grpc::ServerWriter<v1::ActivationBatch>* writer) override;
  grpc::Status BatchGetCases(Context* context, const v1::BatchGetCasesRequest* request,
                             v1::BatchGetCasesResponse* response) override;

 private:
  class Recording;
  class ActivationStream;
  class Import;
  class QueryBatch;

  // That what is to be captured is there.
  absl::Status CheckSite(Context* context, const StoredRecommender& recommender,
                         const v1::CaptureActivationsRequest& request);
  absl::StatusOr<std::shared_ptr<const ItemIndex>> IndexOf(Context* context,
                                                           const StoredRecommender& recommender);

  Resources& resources_;
  DatasetSource& datasets_;
  HostedModels& models_;
  const TorchKinds& torch_;
  JobRunner& jobs_;
  MemoryBudget& memory_;
  const Counter rows_recorded_;
  const Counter rows_read_;
  const Gauge watchers_;
  WatchHub<v1::ResourceChange> watches_;
  Gate gate_;  // of ComputeActivations and ResumeFromSite
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RPC_PROBE_SERVICE_H_
