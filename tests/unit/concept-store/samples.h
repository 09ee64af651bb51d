// SAEs and concepts for the concept-store's tests: small, valid, different from each other.
#ifndef RECSAE_TESTS_UNIT_CONCEPT_STORE_SAMPLES_H_
#define RECSAE_TESTS_UNIT_CONCEPT_STORE_SAMPLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::concept_store {

// d = 4, F = 16, k = 2.
v1::Sae SampleSae();
v1::PublishSaeRequest::Header SampleHeader(absl::string_view sae_id);

// Every row of every array of an SAE, `rows_each` at a time; values depend on `seed` and the place.
std::vector<v1::SaeWeights> SampleWeights(const v1::Sae& sae, int64_t rows_each, float seed = 1);

// The bytes that weights_sha256 is of.
std::string HashedBytes(const v1::Sae& sae, float seed = 1);

// A concept of `latent` with every field set: alone in its group, not verified, its confidence by
// the paper's protocol and its correlation in the predictive test both `confidence`.
v1::Concept SampleConcept(int32_t latent, absl::string_view description,
                          const std::vector<std::string>& terms = {"horror"},
                          double confidence = 0.5);

}  // namespace recsae::concept_store

#endif  // RECSAE_TESTS_UNIT_CONCEPT_STORE_SAMPLES_H_
