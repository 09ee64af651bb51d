// Streams the rows of a capture from the probe, going on where a broken stream stopped.
#ifndef RECSAE_SERVICES_EXPLAINER_BACKEND_CAPTURE_READER_H_
#define RECSAE_SERVICES_EXPLAINER_BACKEND_CAPTURE_READER_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/messages/tensor.h"
#include "services/explainer/caches/sae_cache.h"
#include "services/explainer/peers/caller.h"
#include "services/explainer/peers/peers.h"

namespace recsae::explainer {

// The capture, which must have rows, cases, and activations that `sae` reads:
//   FAILED_PRECONDITION  CAPTURE_EMPTY, CAPTURE_WITHOUT_CASES; RECOMMENDER_CHANGED as
//                        CheckIncarnation
//   INVALID_ARGUMENT     PROBE_SITE_MISMATCH, DIMENSION_MISMATCH
//   NOT_FOUND            CAPTURE_NOT_FOUND, from the probe
absl::StatusOr<probe::v1::Capture> GetCaptureWithCases(Peers& peers, const std::string& name,
                                                       const LoadedSae& sae, const Caller& caller);

// INVALID_ARGUMENT (PROBE_SITE_MISMATCH) if the capture records another site than the SAE reads.
absl::Status CheckSameSite(const LoadedSae& sae, const probe::v1::Capture& capture);

// FAILED_PRECONDITION (RECOMMENDER_CHANGED) if the recommender of that name is not the one that the
// SAE was trained on but another, made since under the same name: `uid` is its uid now. Nothing is
// compared where one of them is not known.
absl::Status CheckIncarnation(const LoadedSae& sae, const std::string& recommender,
                              const std::string& uid);

absl::StatusOr<probe::v1::Capture> GetCapture(Peers& peers, const std::string& name,
                                              const Caller& caller);

// Some rows in stored order: the activations [n, dim] and, for each, its case.
using CaptureRowsHandler = absl::FunctionRef<absl::Status(
    const MatrixView& activations,
    const google::protobuf::RepeatedPtrField<probe::v1::Case>& cases)>;

// Hands the first `rows` rows of a capture with cases to `handler`, each once and in order. An
// error of the handler ends the stream and is returned.
absl::Status ReadCapture(Peers& peers, const std::string& name, int64_t rows, int dim,
                         const Caller& caller, CaptureRowsHandler handler);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_BACKEND_CAPTURE_READER_H_
