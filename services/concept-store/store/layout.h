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

inline constexpr int kStoreFormat = 1;

std::string UploadPrefix(uint64_t upload);
std::string WeightPrefix(uint64_t upload, WeightArray array);
std::string WeightKey(uint64_t upload, WeightArray array, int64_t row);

// Every concept, or history entry, of an SAE.
std::string SaePrefix(absl::string_view sae_id);
std::string ConceptKey(absl::string_view sae_id, int32_t latent);
std::string HistoryKey(absl::string_view sae_id, int32_t latent, int64_t revision);
std::string ChangeKey(int64_t revision);

std::string SaeName(absl::string_view sae_id);
std::string ConceptName(absl::string_view sae_id, int32_t latent);

struct ConceptId {
  std::string sae_id;
  int32_t latent = 0;
};

// INVALID_ARGUMENT (RESOURCE_NAME_INVALID) for anything else than "saes/{sae}" or
// "saes/{sae}/concepts/{latent}".
absl::StatusOr<std::string> ParseSaeName(absl::string_view name);
absl::StatusOr<ConceptId> ParseConceptName(absl::string_view name);

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_LAYOUT_H_
