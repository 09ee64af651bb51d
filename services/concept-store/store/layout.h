// Where things lie in the concept-store's database: families, keys and the names they stand for.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_STORE_LAYOUT_H_
#define RECSAE_SERVICES_CONCEPT_STORE_STORE_LAYOUT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/concept-store/store/weights.h"

namespace recsae::concept_store {

// {sae} -> BigEndian64(upload) + Sae. What is here is published.
inline constexpr char kSaeFamily[] = "saes";
// upload, array, first row -> float32 little-endian. An upload that no Sae names is a leftover.
inline constexpr char kWeightFamily[] = "weights";
// {sae} -> Baseline.
inline constexpr char kBaselineFamily[] = "baselines";
// {sae} \0 latent -> Concept.
inline constexpr char kConceptFamily[] = "concepts";
// revision -> {sae} \0 ConceptChange, without gaps. Its last key is the store's revision, and what
// is before its first key was compacted.
inline constexpr char kChangeFamily[] = "changes";
// {sae} \0 latent revision -> ConceptChange, or nothing while it is in the change log: the changes
// of one concept.
inline constexpr char kHistoryFamily[] = "history";

// {sae} \0 {user} \0 {control} -> Control: those of a user in the order in which they were made.
inline constexpr char kControlFamily[] = "controls";
// {sae} \0 {control} -> the user's id.
inline constexpr char kControlUserFamily[] = "control_users";
// Seconds of expire_time, {sae} \0 {control} -> nothing. Some stay when their SAE is removed.
inline constexpr char kControlEndFamily[] = "control_ends";

// SHA-256 of model and text -> float32 little-endian: embeddings of what concepts say. They can be
// had again.
inline constexpr char kEmbeddingFamily[] = "embeddings";

inline constexpr int kStoreFormat = 1;

std::string UploadPrefix(uint64_t upload);
std::string WeightPrefix(uint64_t upload, WeightArray array);
std::string WeightKey(uint64_t upload, WeightArray array, int64_t row);

// Every concept, or history entry, of an SAE.
std::string SaePrefix(absl::string_view sae_id);
std::string ConceptKey(absl::string_view sae_id, int32_t latent);
std::string HistoryKey(absl::string_view sae_id, int32_t latent, int64_t revision);
std::string ChangeKey(int64_t revision);

// Every control of a user.
std::string ControlPrefix(absl::string_view sae_id, absl::string_view user_id);
std::string ControlKey(absl::string_view sae_id, absl::string_view user_id,
                       absl::string_view control_id);
std::string ControlUserKey(absl::string_view sae_id, absl::string_view control_id);
std::string ControlEndKey(int64_t seconds, absl::string_view sae_id, absl::string_view control_id);

std::string SaeName(absl::string_view sae_id);
std::string ConceptName(absl::string_view sae_id, int32_t latent);

std::string ControlName(absl::string_view sae_id, absl::string_view control_id);
// The last part of a control's name.
std::string ControlIdOf(absl::string_view name);

struct ControlId {
  std::string sae_id;
  std::string control_id;
};

struct ConceptId {
  std::string sae_id;
  int32_t latent = 0;
};

// INVALID_ARGUMENT (RESOURCE_NAME_INVALID) for anything else than "saes/{sae}",
// "saes/{sae}/concepts/{latent}" or "saes/{sae}/controls/{control}".
absl::StatusOr<std::string> ParseSaeName(absl::string_view name);
absl::StatusOr<ConceptId> ParseConceptName(absl::string_view name);
absl::StatusOr<ControlId> ParseControlName(absl::string_view name);

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_LAYOUT_H_
