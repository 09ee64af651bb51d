#include "clients/cli/render/dictionary_names.h"

namespace recsae::cli {

using explainer::v1::DictionaryScore;

const char* DictionaryKey(DictionaryScore::Kind kind, const char* otherwise) {
  switch (kind) {
    case DictionaryScore::KIND_TRAINED:
      return "trained";
    case DictionaryScore::KIND_RAW:
      return "raw";
    case DictionaryScore::KIND_COMPONENTS:
      return "pca";
    case DictionaryScore::KIND_RANDOM:
      return "random";
    case DictionaryScore::KIND_EXEMPLARS:
      return "exemplar";
    default:
      return otherwise;
  }
}

const char* DictionaryTitle(DictionaryScore::Kind kind, const char* otherwise) {
  switch (kind) {
    case DictionaryScore::KIND_TRAINED:
      return "SAE";
    case DictionaryScore::KIND_RAW:
      return "raw dimensions";
    case DictionaryScore::KIND_COMPONENTS:
      return "components";
    case DictionaryScore::KIND_RANDOM:
      return "random directions";
    case DictionaryScore::KIND_EXEMPLARS:
      return "exemplars";
    default:
      return otherwise;
  }
}

}  // namespace recsae::cli
