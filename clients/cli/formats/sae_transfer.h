// SAEs with their weights from and to the concept-store, and their quality on a capture.
#ifndef RECSAE_CLIENTS_CLI_FORMATS_SAE_TRANSFER_H_
#define RECSAE_CLIENTS_CLI_FORMATS_SAE_TRANSFER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "clients/cli/session/session.h"
#include "common/sae/metrics.h"
#include "common/sae/model.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

struct StoredSae {
  concept_store::v1::Sae sae;
  sae::SaeWeights weights;
};

// `name`: "saes/{sae}".
absl::StatusOr<StoredSae> DownloadSae(Session& session, const std::string& name);

// Publishes `sae`, whose name gives its id, with its weights.
absl::StatusOr<concept_store::v1::Sae> UploadSae(Session& session,
                                                 const concept_store::v1::Sae& sae,
                                                 const sae::SaeWeights& weights,
                                                 const std::string& request_id);

// How well `model` reconstructs the capture's rows: `rows` of them drawn at random, or all if there
// are fewer. INVALID_ARGUMENT (DIMENSION_MISMATCH) for a capture of other activations.
absl::StatusOr<sae::ReconstructionMetrics> MeasureSae(Session& session,
                                                      const probe::v1::Capture& capture,
                                                      int64_t rows, const sae::SaeModel& model);

// The share of rows, as MeasureSae draws them, on which both have the same active latents.
absl::StatusOr<double> ShareOfSameLatents(Session& session, const probe::v1::Capture& capture,
                                          int64_t rows, const sae::SaeModel& a,
                                          const sae::SaeModel& b);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FORMATS_SAE_TRANSFER_H_
