// What of a concept is embedded.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_MEANING_MEANING_TEXT_H_
#define RECSAE_SERVICES_CONCEPT_STORE_MEANING_MEANING_TEXT_H_

#include <string>

namespace recsae::concept_store::v1 {
class Concept;
}  // namespace recsae::concept_store::v1

namespace recsae::concept_store {

// Its description without examples ("; like Misery") and without the word for how popular its items
// are ("obscure Horror" is "Horror"): both draw it away from what is asked for. Without a
// description its terms. Empty where it says nothing. Thread-safe.
std::string MeaningText(const v1::Concept& latent_concept);

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_MEANING_MEANING_TEXT_H_
