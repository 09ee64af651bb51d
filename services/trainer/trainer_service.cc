#include "services/trainer/trainer_service.h"

#include <google/protobuf/any.pb.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/budget/memory_budget.h"
#include "common/client/peer.h"
#include "common/client/retry.h"
#include "common/jobs/job_runner.h"
#include "common/rpc/guard.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"
#include "recsae/trainer/v1/trainer.grpc.pb.h"
#include "services/trainer/peers/probe_source.h"
#include "services/trainer/run/dev_set.h"
#include "services/trainer/run/estimate.h"
#include "services/trainer/run/train_job.h"
#include "services/trainer/run/train_request.h"
#include "services/trainer/run/training_config.h"

namespace recsae::trainer {
namespace {

// For a caller that sets no deadline of its own.
constexpr absl::Duration kPeerTimeout = absl::Seconds(10);

// What the default number of latents was chosen by.
int64_t DistinctRowsOf(const concept_store::v1::TrainingReport& report) {
  const int64_t distinct = report.distinct_row_count();
  return std::max<int64_t>(distinct > 0 ? distinct : report.row_count(), 1);
}

class TrainerService : public v1::Trainer::Service {
 public:
  TrainerService(JobRunner& jobs, std::shared_ptr<Peer> probe, std::shared_ptr<Peer> store,
                 MemoryBudget& memory)
      : jobs_(jobs), probe_(std::move(probe)), store_(std::move(store)), memory_(memory) {}

  grpc::Status TrainSae(grpc::ServerContext* context, const v1::TrainSaeRequest* request,
                        jobs::v1::Job* response) override {
    return Start(context, *request, kTrainSaeKind, response);
  }

  grpc::Status TrainSaes(grpc::ServerContext* context, const v1::TrainSaesRequest* request,
                         jobs::v1::Job* response) override {
    return Start(context, *request, kTrainSaesKind, response);
  }

  grpc::Status ResolveConfig(grpc::ServerContext* context, const v1::ResolveConfigRequest* request,
                             v1::TrainingConfig* response) override {
    return Guard(context, [&]() -> absl::Status {
      BadRequest bad;
      const int dim = request->activation_dim();
      if (dim < 1) bad.Add("activation_dim", absl::StrCat("must be at least 1, is ", dim));
      const int64_t distinct = request->distinct_row_count();
      if (distinct < 0)
        bad.Add("distinct_row_count", absl::StrCat("must be at least 0, is ", distinct));
      *response = FillIn(request->config(), {std::max(dim, 0), distinct > 0 ? distinct : kAnyRows},
                         "config", bad);
      return bad.ToStatus();
    });
  }

 private:
  template <typename Message>
  grpc::Status Start(grpc::ServerContext* context, const Message& message, const char* kind,
                     jobs::v1::Job* response) {
    return Guard(context, [&]() -> absl::Status {
      const TrainRequest request(message);
      RECSAE_RETURN_IF_ERROR(CheckRequest(request));
      google::protobuf::Any spec;
      spec.PackFrom(message);
      std::vector<std::string> targets;
      for (const TrainRequest::Variant& variant : request.variants) {
        targets.push_back(absl::StrCat("saes/", variant.sae_id));
      }
      const auto check = [&](google::protobuf::Any& resolved) -> absl::Status {
        RECSAE_ASSIGN_OR_RETURN(const std::vector<v1::TrainingConfig> configs,
                                CheckPeers(*context, request));
        resolved.PackFrom(WithConfigs(message, configs));
        return absl::OkStatus();
      };
      RECSAE_ASSIGN_OR_RETURN(*response,
                              jobs_.Submit(kind, targets, spec, message.request_id(), check));
      return absl::OkStatus();
    });
  }

  // What can be said without asking anyone.
  static absl::Status CheckRequest(const TrainRequest& request) {
    BadRequest bad;
    CheckNames(request, bad);
    FillInAll(request, {}, bad);
    return bad.ToStatus();
  }

  // The configurations, filled in for the capture but for what follows from its distinct rows,
  // which the job counts.
  absl::StatusOr<std::vector<v1::TrainingConfig>> CheckPeers(const grpc::ServerContext& context,
                                                             const TrainRequest& request) {
    RECSAE_ASSIGN_OR_RETURN(const CaptureInfo capture, GetCapture(context, request.capture));
    RECSAE_ASSIGN_OR_RETURN(std::vector<v1::TrainingConfig> configs,
                            CheckCaptures(context, request, capture));
    for (size_t i = 0; i < configs.size(); ++i) {
      RECSAE_RETURN_IF_ERROR(CheckNameIsFree(
          context, request.variants[i].sae_id, [&](const concept_store::v1::Sae& made) {
            BadRequest none;
            const DataShape data{capture.dim, DistinctRowsOf(made.report())};
            return Differences(made, request.capture, capture.uid,
                               FillIn(configs[i], data, "config", none));
          }));
    }
    return configs;
  }

  absl::StatusOr<CaptureInfo> GetCapture(const grpc::ServerContext& context,
                                         const std::string& name) {
    const auto peer_context = grpc::ClientContext::FromServerContext(context);
    SetDeadline(*peer_context, kPeerTimeout);
    probe::v1::GetCaptureRequest get;
    get.set_name(name);
    probe::v1::Capture capture;
    RECSAE_RETURN_IF_ERROR(
        probe_.peer().FromGrpc(probe_->GetCapture(peer_context.get(), get, &capture)));
    return ToCaptureInfo(capture);
  }

  absl::StatusOr<std::vector<v1::TrainingConfig>> CheckCaptures(const grpc::ServerContext& context,
                                                                const TrainRequest& request,
                                                                const CaptureInfo& capture) {
    if (capture.rows == 0) return CaptureEmpty(request.capture);
    BadRequest bad;
    const std::vector<v1::TrainingConfig> largest =
        FillInAll(request, {capture.dim, kAnyRows}, bad);
    RECSAE_RETURN_IF_ERROR(bad.ToStatus());
    std::vector<v1::TrainingConfig> configs = FillInAll(request, {capture.dim}, bad);
    RECSAE_RETURN_IF_ERROR(memory_.CheckFits(
        TrainingJobBytes(largest, capture.dim, capture.rows),
        absl::StrCat("training saes/", request.variants[0].sae_id), kLowerTraining));
    std::map<std::string, CaptureInfo> dev_captures;
    for (const v1::TrainingConfig& config : configs) {
      if (!config.has_early_stop()) continue;
      const std::string& name = config.early_stop().capture();
      if (!dev_captures.contains(name)) {
        RECSAE_ASSIGN_OR_RETURN(dev_captures[name], GetCapture(context, name));
      }
      RECSAE_RETURN_IF_ERROR(CheckDevCapture(config.early_stop(), dev_captures[name], capture));
    }
    return configs;
  }

  // A name that is taken: by what the request makes, or by something else, and then how it differs.
  absl::Status CheckNameIsFree(
      const grpc::ServerContext& context, const std::string& sae_id,
      absl::FunctionRef<std::string(const concept_store::v1::Sae&)> differences_of) {
    const auto peer_context = grpc::ClientContext::FromServerContext(context);
    SetDeadline(*peer_context, kPeerTimeout);
    concept_store::v1::GetSaeRequest get;
    get.set_name(absl::StrCat("saes/", sae_id));
    concept_store::v1::Sae sae;
    const absl::Status status =
        store_.peer().FromGrpc(store_->GetSae(peer_context.get(), get, &sae));
    if (absl::IsNotFound(status)) return absl::OkStatus();
    RECSAE_RETURN_IF_ERROR(status);
    const std::string differences = differences_of(sae);
    ErrorMetadata metadata = {{"sae", get.name()}};
    if (!differences.empty()) metadata.emplace_back("differences", differences);
    return Error(absl::StatusCode::kAlreadyExists, "SAE_EXISTS",
                 absl::StrCat(get.name(), " is there already",
                              differences.empty() ? "" : ", made otherwise: " + differences,
                              ", and never changes; choose another sae_id or delete it"),
                 metadata);
  }

  JobRunner& jobs_;
  PeerStub<probe::v1::Probe> probe_;
  PeerStub<concept_store::v1::ConceptStore> store_;
  MemoryBudget& memory_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeTrainerService(JobRunner& jobs, std::shared_ptr<Peer> probe,
                                                  std::shared_ptr<Peer> store,
                                                  MemoryBudget& memory) {
  return std::make_unique<TrainerService>(jobs, std::move(probe), std::move(store), memory);
}

}  // namespace recsae::trainer
