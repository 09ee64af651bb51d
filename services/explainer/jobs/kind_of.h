// Kinds of dictionaries as the contract numbers them.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_KIND_OF_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_KIND_OF_H_

#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/evidence/dictionary.h"

namespace recsae::explainer {

inline v1::DictionaryScore::Kind KindOf(DictionaryKind kind) {
  switch (kind) {
    case DictionaryKind::kTrained:
      return v1::DictionaryScore::KIND_TRAINED;
    case DictionaryKind::kRaw:
      return v1::DictionaryScore::KIND_RAW;
    case DictionaryKind::kComponents:
      return v1::DictionaryScore::KIND_COMPONENTS;
    case DictionaryKind::kRandom:
      return v1::DictionaryScore::KIND_RANDOM;
    case DictionaryKind::kExemplars:
      return v1::DictionaryScore::KIND_EXEMPLARS;
  }
  return v1::DictionaryScore::KIND_UNSPECIFIED;
}

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_KIND_OF_H_
