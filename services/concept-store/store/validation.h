// What the concept-store accepts: limits of SAEs and concepts, checked before anything is stored.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_STORE_VALIDATION_H_
#define RECSAE_SERVICES_CONCEPT_STORE_STORE_VALIDATION_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace recsae {
class BadRequest;
}  // namespace recsae

namespace recsae::concept_store::v1 {
class Concept;
class Control;
class Sae;
class UpdateConceptRequest;
}  // namespace recsae::concept_store::v1

namespace recsae::concept_store {

inline constexpr size_t kMaxDescriptionBytes = 1000;
inline constexpr size_t kMaxUidBytes = 128;
inline constexpr int kMaxWarnings = 16;
inline constexpr size_t kMaxWarningBytes = 1000;
inline constexpr int kMaxTerms = 64;
inline constexpr size_t kMaxTermBytes = 256;
inline constexpr int kMaxEvidence = 10;
// Judged descriptions of a concept.
inline constexpr int kMaxJudged = 8;
inline constexpr int kMaxMatches = 4;
inline constexpr int kMaxLevels = 9;  // thresholds between the 10 intensity levels
// A whole concept, and an SAE without its weights: pages of them stay below the message limit.
inline constexpr size_t kMaxRecordBytes = size_t{64} << 10;
inline constexpr int kMaxBatch = 500;
inline constexpr int32_t kMaxActivationDim = 1 << 16;
inline constexpr int32_t kMaxLatents = 1 << 24;
inline constexpr size_t kMaxQueryBytes = 1000;
inline constexpr int kMaxControls = 100;  // of one user
inline constexpr size_t kMaxUserIdBytes = 256;
inline constexpr double kMaxStrength = 10;

// Adds every fault of an SAE's description to `bad`. `field` is its path in the request.
void CheckSae(const v1::Sae& sae, const std::string& field, BadRequest* bad);

// Adds every fault of a concept's content to `bad`: sizes, UTF-8, NaN or infinite numbers, shares
// outside [0, 1], negative counts. Does not look at name and latent.
void CheckConcept(const v1::Concept& latent_concept, const std::string& field, BadRequest* bad);

// Adds what cannot be the id of a user that has controls.
void CheckUserId(const std::string& user_id, const std::string& field, BadRequest* bad);

// Adds every fault of a control as it was sent, but for what depends on the SAE and on the time.
void CheckControl(const v1::Control& control, const std::string& field, BadRequest* bad);

// Adds paths of the update_mask that are not fields an update may change, and an empty mask.
void CheckUpdateMask(const v1::UpdateConceptRequest& request, BadRequest* bad);

// Copies the fields named by the request's update_mask (checked before) into `latent_concept`.
void ApplyUpdate(const v1::UpdateConceptRequest& request, v1::Concept* latent_concept);

// Copies what a new run of the labeler measures (scores, statistics, evidence), and leaves what a
// person wrote.
void RefreshMeasurements(const v1::Concept& measured, v1::Concept* latent_concept);

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_VALIDATION_H_
