// Messages as they lie in the database, and the errors of what is not there.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_STORE_STORED_H_
#define RECSAE_SERVICES_CONCEPT_STORE_STORE_STORED_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace recsae::concept_store {

// DATA_LOSS (STORE_CORRUPT), naming `key`, if the bytes are no such message.
absl::Status ParseStored(absl::string_view bytes, absl::string_view key,
                         google::protobuf::MessageLite* message);

// NOT_FOUND (SAE_NOT_FOUND).
absl::Status SaeNotFound(absl::string_view sae_id);
// NOT_FOUND (CONCEPT_NOT_FOUND).
absl::Status ConceptNotFound(absl::string_view sae_id, int32_t latent);

// INVALID_ARGUMENT (LATENT_OUT_OF_RANGE) from `latents` on.
absl::Status CheckLatent(absl::string_view sae_id, int32_t latents, int32_t latent);

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_STORED_H_
