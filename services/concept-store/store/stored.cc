#include "services/concept-store/store/stored.h"

#include <google/protobuf/message_lite.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/concept-store/store/layout.h"

namespace recsae::concept_store {

absl::Status ParseStored(absl::string_view bytes, absl::string_view key,
                         google::protobuf::MessageLite* message) {
  if (message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
               absl::StrCat("the stored ", message->GetTypeName(), " of \"", absl::CEscape(key),
                            "\" cannot be read; restore the data directory from a backup"));
}

absl::Status SaeNotFound(absl::string_view sae_id) {
  const std::string name = SaeName(sae_id);
  return Error(absl::StatusCode::kNotFound, "SAE_NOT_FOUND",
               absl::StrCat("there is no SAE \"", name, "\"; ListSaes tells which there are"),
               {{"sae", name}});
}

absl::Status ConceptNotFound(absl::string_view sae_id, int32_t latent) {
  const std::string name = ConceptName(sae_id, latent);
  return Error(
      absl::StatusCode::kNotFound, "CONCEPT_NOT_FOUND",
      absl::StrCat("there is no concept \"", name, "\"; ListConcepts tells which there are"),
      {{"concept", name}});
}

absl::Status CheckLatent(absl::string_view sae_id, int32_t latents, int32_t latent) {
  if (latent < latents) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "LATENT_OUT_OF_RANGE",
               absl::StrCat("latent ", latent, " is not one of the ", latents, " latents of ",
                            SaeName(sae_id), " (0 to ", latents - 1, ")"),
               {{"sae", SaeName(sae_id)}, {"latent", absl::StrCat(latent)}});
}

}  // namespace recsae::concept_store
