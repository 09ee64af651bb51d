// What the database holds of a published SAE.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_STORE_SAE_RECORD_H_
#define RECSAE_SERVICES_CONCEPT_STORE_STORE_SAE_RECORD_H_

#include <cstdint>

#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {

struct Store::SaeRecord {
  // Number under which its weights lie.
  uint64_t upload = 0;
  v1::Sae sae;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_SAE_RECORD_H_
