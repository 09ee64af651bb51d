// The RPC service recsae.explainer.v1.Explainer.
#ifndef RECSAE_SERVICES_EXPLAINER_EXPLAINER_SERVICE_H_
#define RECSAE_SERVICES_EXPLAINER_EXPLAINER_SERVICE_H_

#include "common/budget/gate.h"
#include "common/jobs/job_runner.h"
#include "common/rpc/metrics.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"
#include "services/explainer/backend/backend.h"

namespace recsae::explainer {

// Thread-safe. Registers its kinds of job with `jobs`; all arguments must outlive the service.
class ExplainerService final : public v1::Explainer::Service {
 public:
  ExplainerService(Backend& backend, JobRunner& jobs, MetricsRegistry& metrics,
                   const Gate::Limits& limits);

  grpc::Status BuildConcepts(grpc::ServerContext* context, const v1::BuildConceptsRequest* request,
                             jobs::v1::Job* response) override;
  grpc::Status EvaluateSae(grpc::ServerContext* context, const v1::EvaluateSaeRequest* request,
                           jobs::v1::Job* response) override;
  grpc::Status EvaluateSteering(grpc::ServerContext* context,
                                const v1::EvaluateSteeringRequest* request,
                                jobs::v1::Job* response) override;
  grpc::Status Explain(grpc::ServerContext* context, const v1::ExplainRequest* request,
                       v1::ExplainResponse* response) override;
  grpc::Status Steer(grpc::ServerContext* context, const v1::SteerRequest* request,
                     v1::SteerResponse* response) override;
  grpc::Status FindCounterfactual(grpc::ServerContext* context,
                                  const v1::FindCounterfactualRequest* request,
                                  v1::FindCounterfactualResponse* response) override;
  grpc::Status ResolveWishes(grpc::ServerContext* context, const v1::ResolveWishesRequest* request,
                             v1::ResolveWishesResponse* response) override;

 private:
  Backend& backend_;
  JobRunner& jobs_;
  const Counter explained_activations_;
  Gate gate_;  // of Explain, Steer, FindCounterfactual and ResolveWishes
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_EXPLAINER_SERVICE_H_
