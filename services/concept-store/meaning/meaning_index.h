// Finds concepts by what they mean: their embeddings beside the query's.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_MEANING_MEANING_INDEX_H_
#define RECSAE_SERVICES_CONCEPT_STORE_MEANING_MEANING_INDEX_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/concept-store/meaning/meaning_texts.h"

namespace recsae::concept_store {

// Of the concepts that say one text, the one that is worth most.
struct NearConcept {
  int32_t latent = 0;
  double similarity = 0;  // cosine, -1 to 1
  // What they are ordered by: similarity, less a little where the concept is worth less.
  double score = 0;
};

struct Comparison {
  // Best first.
  std::vector<NearConcept> nearest;
  // By latent, of all that were compared.
  std::unordered_map<int32_t, double> similarities;
  int32_t pending = 0;  // concepts that were not compared: not embedded yet,
  int32_t full = 0;     // or for want of room
  // Mean cosine of two different texts; absent where fewer than two were compared.
  std::optional<double> typical_similarity;
};

// The concepts of one SAE by what they say. Not thread-safe.
class MeaningIndex {
 public:
  // Adds or replaces. `weight`: what the concept is worth to somebody who searches, > 0.
  void Put(int32_t latent, const std::string& text, double weight);
  void Remove(int32_t latent);
  // What the concept says; "" of one that is not there.
  const std::string& TextOf(int32_t latent) const;
  // The texts of all, each as often as it is said.
  std::vector<std::string> Texts() const;

  // All concepts beside a query of length 1. An embedding of another size than the query's counts
  // as pending.
  Comparison Compare(const MeaningTexts& texts, std::span<const float> query) const;

 private:
  // By text: the concepts that say it, with their weights.
  std::map<std::string, std::map<int32_t, double>> concepts_;
  std::unordered_map<int32_t, std::string> texts_;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_MEANING_MEANING_INDEX_H_
