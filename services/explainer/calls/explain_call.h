// The calls Explain, Steer and FindCounterfactual: checks the request, resolves the subject,
// computes, and converts.
#ifndef RECSAE_SERVICES_EXPLAINER_CALLS_EXPLAIN_CALL_H_
#define RECSAE_SERVICES_EXPLAINER_CALLS_EXPLAIN_CALL_H_

#include "absl/status/status.h"
#include "services/explainer/backend/backend.h"

namespace recsae::explainer::v1 {
class ExplainRequest;
class ExplainResponse;
class FindCounterfactualRequest;
class FindCounterfactualResponse;
class SteerRequest;
class SteerResponse;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

// Codes as explainer.proto documents them. Thread-safe.
absl::Status Explain(Backend& backend, const Caller& caller, const v1::ExplainRequest& request,
                     v1::ExplainResponse* response);
absl::Status Steer(Backend& backend, const Caller& caller, const v1::SteerRequest& request,
                   v1::SteerResponse* response);
absl::Status FindCounterfactual(Backend& backend, const Caller& caller,
                                const v1::FindCounterfactualRequest& request,
                                v1::FindCounterfactualResponse* response);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CALLS_EXPLAIN_CALL_H_
