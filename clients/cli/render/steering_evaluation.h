// What steering brings and costs, as text.
#ifndef RECSAE_CLIENTS_CLI_RENDER_STEERING_EVALUATION_H_
#define RECSAE_CLIENTS_CLI_RENDER_STEERING_EVALUATION_H_

#include <string>

#include "clients/cli/text/table.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

// "fitted", "item mean": how people name a method.
std::string MethodName(explainer::v1::SteeringMethod method);

// On whom was measured, and what is recommended without steering.
Table SteeringDetails(const explainer::v1::SteeringEvaluation& evaluation);

// For each attribute what each method keeps of NDCG@10 at the same effect; "–" where it does not
// reach it. Empty where nothing was matched.
Table MatchedTable(const explainer::v1::SteeringEvaluation& evaluation);

// The fitted latents against each other method.
Table SteeringVerdictTable(const explainer::v1::SteeringEvaluation& evaluation);

// One method's doses for one attribute, and what is recommended then; empty where the attribute has
// no such curve.
Table DoseTable(const explainer::v1::SteeringEvaluation& evaluation,
                const explainer::v1::AttributeSteering& attribute,
                explainer::v1::SteeringMethod method);

// What a probe finds of each attribute: AUC by what was done before. Empty where it was not asked.
Table LeakTable(const explainer::v1::SteeringEvaluation& evaluation);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_STEERING_EVALUATION_H_
