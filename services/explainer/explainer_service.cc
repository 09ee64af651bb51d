// The explainer's RPCs.
#include "services/explainer/explainer_service.h"

#include <google/protobuf/any.pb.h>

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "common/base/status.h"
#include "common/rpc/guard.h"
#include "services/explainer/calls/explain_call.h"
#include "services/explainer/calls/wish_call.h"
#include "services/explainer/jobs/concept_jobs.h"

namespace recsae::explainer {
namespace {

// Queues a request as a job that `check` finds fit to run. Its target is the SAE: its concepts are
// not built and measured at the same time.
template <typename Request>
absl::Status Submit(JobRunner& jobs, const char* kind, const Request& request,
                    const JobCheck& check, jobs::v1::Job* response) {
  google::protobuf::Any spec;
  spec.PackFrom(request);
  RECSAE_ASSIGN_OR_RETURN(*response,
                          jobs.Submit(kind, {request.sae()}, spec, request.request_id(), check));
  return absl::OkStatus();
}

// Runs a call again where the SAE that it was about was deleted or became another one meanwhile.
absl::Status WithSaeOfNow(const Backend& backend, const std::string& sae,
                          absl::FunctionRef<absl::Status()> call) {
  constexpr int kAttempts = 3;
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::optional<std::string> version = backend.concepts.SaeVersion(sae);
    status = call();
    if (!version.has_value() || backend.concepts.SaeVersion(sae) == version) break;
  }
  return status;
}

}  // namespace

ExplainerService::ExplainerService(Backend& backend, JobRunner& jobs, MetricsRegistry& metrics,
                                   const Gate::Limits& limits)
    : backend_(backend),
      jobs_(jobs),
      explained_activations_(metrics.GetCounter("recsae_explainer_explained_activations_total",
                                                "Activations explained by Explain.")),
      gate_("explain", limits) {
  AddGateMetrics(metrics, gate_);
  jobs.Register(kBuildConcepts,
                [&backend](JobContext& job) { return RunBuildConcepts(backend, job); });
  jobs.Register(kEvaluateSae, [&backend](JobContext& job) { return RunEvaluateSae(backend, job); });
  jobs.Register(kEvaluateSteering,
                [&backend](JobContext& job) { return RunEvaluateSteering(backend, job); });
}

grpc::Status ExplainerService::BuildConcepts(grpc::ServerContext* context,
                                             const v1::BuildConceptsRequest* request,
                                             jobs::v1::Job* response) {
  return Guard(context, [&]() -> absl::Status {
    const auto check = [&](google::protobuf::Any& resolved) {
      resolved.PackFrom(FilledIn(*request));
      return CheckBuildConcepts(backend_, Caller(context), *request);
    };
    return Submit(jobs_, kBuildConcepts, *request, check, response);
  });
}

grpc::Status ExplainerService::EvaluateSae(grpc::ServerContext* context,
                                           const v1::EvaluateSaeRequest* request,
                                           jobs::v1::Job* response) {
  return Guard(context, [&]() -> absl::Status {
    const auto check = [&](google::protobuf::Any& /*resolved*/) {
      return CheckEvaluateSae(backend_, Caller(context), *request);
    };
    return Submit(jobs_, kEvaluateSae, *request, check, response);
  });
}

grpc::Status ExplainerService::EvaluateSteering(grpc::ServerContext* context,
                                                const v1::EvaluateSteeringRequest* request,
                                                jobs::v1::Job* response) {
  return Guard(context, [&]() -> absl::Status {
    const auto check = [&](google::protobuf::Any& resolved) {
      resolved.PackFrom(FilledIn(*request));
      return CheckEvaluateSteering(backend_, Caller(context), *request);
    };
    return Submit(jobs_, kEvaluateSteering, *request, check, response);
  });
}

grpc::Status ExplainerService::Explain(grpc::ServerContext* context,
                                       const v1::ExplainRequest* request,
                                       v1::ExplainResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const Gate::Permit permit, gate_.Enter());
    RECSAE_RETURN_IF_ERROR(WithSaeOfNow(backend_, request->sae(), [&] {
      response->Clear();
      return explainer::Explain(backend_, Caller(context), *request, response);
    }));
    explained_activations_.Increment(response->explanations_size());
    return absl::OkStatus();
  });
}

grpc::Status ExplainerService::Steer(grpc::ServerContext* context, const v1::SteerRequest* request,
                                     v1::SteerResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const Gate::Permit permit, gate_.Enter());
    return WithSaeOfNow(backend_, request->sae(), [&] {
      response->Clear();
      return explainer::Steer(backend_, Caller(context), *request, response);
    });
  });
}

grpc::Status ExplainerService::FindCounterfactual(grpc::ServerContext* context,
                                                  const v1::FindCounterfactualRequest* request,
                                                  v1::FindCounterfactualResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const Gate::Permit permit, gate_.Enter());
    return WithSaeOfNow(backend_, request->sae(), [&] {
      response->Clear();
      return explainer::FindCounterfactual(backend_, Caller(context), *request, response);
    });
  });
}

grpc::Status ExplainerService::ResolveWishes(grpc::ServerContext* context,
                                             const v1::ResolveWishesRequest* request,
                                             v1::ResolveWishesResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const Gate::Permit permit, gate_.Enter());
    return WithSaeOfNow(backend_, request->sae(), [&] {
      response->Clear();
      return explainer::ResolveWishes(backend_, Caller(context), *request, response);
    });
  });
}

}  // namespace recsae::explainer
