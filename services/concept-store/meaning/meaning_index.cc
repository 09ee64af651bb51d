#include "services/concept-store/meaning/meaning_index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/string_view.h"

namespace recsae::concept_store {
namespace {

// Of two texts about as near the one of the weightier concept comes first (docs/meaning-search.md).
constexpr double kWeightInfluence = 0.05;

// In lanes of floats, which a compiler may do side by side.
double Dot(std::span<const float> a, std::span<const float> b) {
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> sums = {};
  size_t i = 0;
  for (; i + kLanes <= a.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  double sum = 0;
  for (const float lane : sums) sum += static_cast<double>(lane);
  for (; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// The mean cosine of different ones among `count` vectors of length 1 with this sum.
std::optional<double> MeanCosine(const std::vector<double>& sum, size_t count) {
  if (count < 2) return std::nullopt;
  double square = 0;
  for (const double value : sum) square += value * value;
  const auto n = static_cast<double>(count);
  return (square - n) / (n * (n - 1));
}

NearConcept Weightiest(const std::map<int32_t, double>& concepts, double similarity) {
  NearConcept best = {concepts.begin()->first, similarity, concepts.begin()->second};
  for (const auto& [latent, weight] : concepts) {
    if (weight > best.score) best = {latent, similarity, weight};
  }
  return best;  // its score is the weight until all are known
}

}  // namespace

void MeaningIndex::Put(int32_t latent, const std::string& text, double weight) {
  Remove(latent);
  if (text.empty()) return;
  concepts_[text][latent] = weight;
  texts_[latent] = text;
}

void MeaningIndex::Remove(int32_t latent) {
  const auto text = texts_.find(latent);
  if (text == texts_.end()) return;
  const auto concepts = concepts_.find(text->second);
  concepts->second.erase(latent);
  if (concepts->second.empty()) concepts_.erase(concepts);
  texts_.erase(text);
}

const std::string& MeaningIndex::TextOf(int32_t latent) const {
  static const std::string& none = *new std::string();
  const auto text = texts_.find(latent);
  return text == texts_.end() ? none : text->second;
}

std::vector<std::string> MeaningIndex::Texts() const {
  std::vector<std::string> texts;
  texts.reserve(texts_.size());
  for (const auto& [latent, text] : texts_) texts.push_back(text);
  return texts;
}

Comparison MeaningIndex::Compare(const MeaningTexts& texts, std::span<const float> query) const {
  std::vector<absl::string_view> said;
  said.reserve(concepts_.size());
  for (const auto& [text, concepts] : concepts_) said.emplace_back(text);
  const std::vector<MeaningTexts::Known> known = texts.Find(said);

  Comparison comparison;
  std::vector<double> sum(query.size());
  double heaviest = 0;
  size_t place = 0;
  for (const auto& [text, concepts] : concepts_) {
    const MeaningTexts::Known& entry = known[place++];
    const auto count = static_cast<int32_t>(concepts.size());
    if (entry.embedding == nullptr || entry.embedding->size() != query.size()) {
      (entry.gap == MeaningGap::kFull ? comparison.full : comparison.pending) += count;
      continue;
    }
    const double similarity = Dot(*entry.embedding, query);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>((*entry.embedding)[i]);
    for (const auto& [latent, weight] : concepts) comparison.similarities[latent] = similarity;
    comparison.nearest.push_back(Weightiest(concepts, similarity));
    heaviest = std::max(heaviest, comparison.nearest.back().score);
  }
  for (NearConcept& near : comparison.nearest) {
    near.score = near.similarity + kWeightInfluence * std::log(near.score / heaviest);
  }
  std::sort(comparison.nearest.begin(), comparison.nearest.end(),
            [](const NearConcept& a, const NearConcept& b) {
              return a.score != b.score ? a.score > b.score : a.latent < b.latent;
            });
  comparison.typical_similarity = MeanCosine(sum, comparison.nearest.size());
  return comparison;
}

}  // namespace recsae::concept_store
