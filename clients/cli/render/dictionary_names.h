// Kinds of dictionaries, for people and in reports.
#ifndef RECSAE_CLIENTS_CLI_RENDER_DICTIONARY_NAMES_H_
#define RECSAE_CLIENTS_CLI_RENDER_DICTIONARY_NAMES_H_

#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

// In JSON: "trained", "raw", "pca", "random", "exemplar"; `otherwise` where it is none of them.
const char* DictionaryKey(explainer::v1::DictionaryScore::Kind kind, const char* otherwise);
// For people: "SAE", "raw dimensions", ...
const char* DictionaryTitle(explainer::v1::DictionaryScore::Kind kind, const char* otherwise);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_DICTIONARY_NAMES_H_
