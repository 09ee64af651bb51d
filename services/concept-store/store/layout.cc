#include "services/concept-store/store/layout.h"

#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/storage/keys.h"

namespace recsae::concept_store {

std::string UploadPrefix(uint64_t upload) { return BigEndian64(upload); }

std::string WeightPrefix(uint64_t upload, WeightArray array) {
  return BigEndian64(upload) + static_cast<char>(array);
}

std::string WeightKey(uint64_t upload, WeightArray array, int64_t row) {
  return WeightPrefix(upload, array) + BigEndian64(static_cast<uint64_t>(row));
}

std::string SaePrefix(absl::string_view sae_id) { return KeyPrefix({sae_id}); }

std::string ConceptKey(absl::string_view sae_id, int32_t latent) {
  return SaePrefix(sae_id) + BigEndian32(static_cast<uint32_t>(latent));
}

std::string HistoryKey(absl::string_view sae_id, int32_t latent, int64_t revision) {
  return ConceptKey(sae_id, latent) + BigEndian64(static_cast<uint64_t>(revision));
}

std::string ChangeKey(int64_t revision) { return BigEndian64(static_cast<uint64_t>(revision)); }

std::string ControlPrefix(absl::string_view sae_id, absl::string_view user_id) {
  return KeyPrefix({sae_id, user_id});
}

std::string ControlKey(absl::string_view sae_id, absl::string_view user_id,
                       absl::string_view control_id) {
  return absl::StrCat(ControlPrefix(sae_id, user_id), control_id);
}

std::string ControlUserKey(absl::string_view sae_id, absl::string_view control_id) {
  return absl::StrCat(SaePrefix(sae_id), control_id);
}

std::string ControlEndKey(int64_t seconds, absl::string_view sae_id, absl::string_view control_id) {
  return absl::StrCat(BigEndian64(static_cast<uint64_t>(seconds)),
                      ControlUserKey(sae_id, control_id));
}

std::string SaeName(absl::string_view sae_id) { return absl::StrCat("saes/", sae_id); }

std::string ConceptName(absl::string_view sae_id, int32_t latent) {
  return absl::StrCat("saes/", sae_id, "/concepts/", latent);
}

std::string ControlName(absl::string_view sae_id, absl::string_view control_id) {
  return absl::StrCat("saes/", sae_id, "/controls/", control_id);
}

std::string ControlIdOf(absl::string_view name) {
  return std::string(name.substr(name.rfind('/') + 1));
}

absl::StatusOr<std::string> ParseSaeName(absl::string_view name) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> ids, ParseName(name, "saes/{sae}"));
  return ids[0];
}

absl::StatusOr<ConceptId> ParseConceptName(absl::string_view name) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                          ParseName(name, "saes/{sae}/concepts/{latent}"));
  RECSAE_ASSIGN_OR_RETURN(const int64_t latent, ParseNumericId(ids[1], "{latent}"));
  if (latent > std::numeric_limits<int32_t>::max()) {
    return Error(absl::StatusCode::kInvalidArgument, "RESOURCE_NAME_INVALID",
                 absl::StrCat("{latent} must be below 2^31, is ", latent));
  }
  return ConceptId{ids[0], static_cast<int32_t>(latent)};
}

absl::StatusOr<ControlId> ParseControlName(absl::string_view name) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                          ParseName(name, "saes/{sae}/controls/{control}"));
  return ControlId{ids[0], ids[1]};
}

}  // namespace recsae::concept_store
