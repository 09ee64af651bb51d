// Table 7: one latent scaled, and whether the recommendations then show its concept.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_STEERING_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_STEERING_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "clients/cli/reproduce/measurement.h"
#include "clients/cli/session/session.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

// A latent, and the attribute that items of its concept have.
struct SteeredConcept {
  std::string key;
  std::string value;
  int latent = 0;
  std::string description;
};

// The attribute to steer by, of a trained SAE's cell: that of value `wanted` (case ignored) or,
// where that is empty, "Horror" as in the paper, or else the one that a latent tells best. Nothing
// where the cell has none.
std::optional<SteeredConcept> PickAttribute(const nlohmann::ordered_json& trained,
                                            const std::string& wanted);

// PickAttribute, with the first verified concept that a search for the value finds; the latent that
// tells the attribute best where there is none. NOT_FOUND (ATTRIBUTE_NOT_FOUND).
absl::StatusOr<SteeredConcept> PickConcept(Session& session, const std::string& sae,
                                           const nlohmann::ordered_json& trained,
                                           const std::string& wanted);

// Of the capture's cases in which the latent is active (at most `most`, spread over them), the
// share whose 10 recommended items hold one with the attribute: with the latent scaled by -10, as
// it is, and by +10. {"key", "value", "latent", "description", "active", "rows", "cases", "share":
// {"-10", "1", "10"}}; no shares without such cases.
absl::StatusOr<nlohmann::ordered_json> SteerCases(Session& session, const std::string& sae,
                                                  const probe::v1::Capture& capture,
                                                  const SteeredConcept& target, const Items& items,
                                                  int most);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_STEERING_H_
