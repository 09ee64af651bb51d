// What a command works on when its flags leave it open.
#ifndef RECSAE_CLIENTS_CLI_SESSION_DEFAULTS_H_
#define RECSAE_CLIENTS_CLI_SESSION_DEFAULTS_H_

#include <google/protobuf/repeated_field.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/session/session.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

// The SAE of that name, or the only one if `name` is empty. A usage error lists them if there are
// several.
absl::StatusOr<concept_store::v1::Sae> ChooseSae(Session& session, const std::string& name);

// "saes/{sae}/concepts/{latent}" from "ml-1m/17", or from "17" or "#17" of ChooseSae(sae).
absl::StatusOr<std::string> ChooseConcept(Session& session, const std::string& text,
                                          const std::string& sae);

// Captures with cases of the SAE's recommender, the best to show things on first: test, dev, then
// the others in the server's order.
absl::StatusOr<std::vector<probe::v1::Capture>> CapturesWithCases(
    Session& session, const concept_store::v1::Sae& sae);

// Adds the captures that are named (as for ChooseCapture), or all with cases where none is, but for
// `capture`.
absl::Status AddEvidence(Session& session, const concept_store::v1::Sae& sae,
                         const std::vector<std::string>& names, const std::string& capture,
                         google::protobuf::RepeatedPtrField<std::string>& evidence);

// The capture of that name, or the first of CapturesWithCases if `name` is empty. A short name
// without a recommender ("test") is one of the SAE's recommender.
absl::StatusOr<std::string> ChooseCapture(Session& session, const concept_store::v1::Sae& sae,
                                          const std::string& name);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_SESSION_DEFAULTS_H_
