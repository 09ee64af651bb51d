#include "services/concept-store/search/search_index.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/words.h"

namespace recsae::concept_store {
namespace {

constexpr double kSaturation = 1.2;           // k1
constexpr double kLengthNormalization = 0.3;  // b: descriptions differ little in length
// A word of the description counts half when it stands 8 words in, one of a term when 4 terms are
// stronger.
constexpr double kWordHalving = 8;
constexpr double kTermHalving = 4;
// A word that goes on after the query's word counts between these, by how much of it was given.
constexpr double kPrefixLeast = 0.3;
constexpr double kPrefixMost = 0.9;
// Factors for a description, or the strongest term, that is the query and nothing else.
constexpr double kWholeDescription = 2;
constexpr double kWholeTerm = 1.5;

double Discount(size_t place, double halving) {
  return halving / (halving + static_cast<double>(place));
}

double PrefixFactor(size_t given, size_t length) {
  if (given == length) return 1;
  return kPrefixLeast +
         (kPrefixMost - kPrefixLeast) * static_cast<double>(given) / static_cast<double>(length);
}

}  // namespace

void SearchIndex::Put(int32_t latent, const SearchDocument& document) {
  Remove(latent);
  Entry entry;
  entry.weight = document.weight;
  entry.correlation = document.correlation;
  const std::vector<std::string> description = SearchWords(document.description);
  entry.description = absl::StrJoin(description, " ");
  for (size_t i = 0; i < description.size(); ++i) {
    entry.frequencies[description[i]] += Discount(i, kWordHalving);
  }
  entry.length = static_cast<int64_t>(description.size());
  for (size_t rank = 0; rank < document.terms.size(); ++rank) {
    const std::vector<std::string> words = SearchWords(document.terms[rank]);
    entry.terms.push_back(absl::StrJoin(words, " "));
    for (const std::string& word : words) entry.frequencies[word] += Discount(rank, kTermHalving);
    entry.length += static_cast<int64_t>(words.size());
  }
  for (const auto& [word, frequency] : entry.frequencies) {
    std::map<int32_t, double>& posting = postings_[word];
    // A store is read in the order of latents, so that each goes at the end, without a search.
    posting.insert_or_assign(posting.end(), latent, frequency);
  }
  total_length_ += entry.length;
  entries_[latent] = std::move(entry);
}

void SearchIndex::Remove(int32_t latent) {
  const auto found = entries_.find(latent);
  if (found == entries_.end()) return;
  for (const auto& [word, frequency] : found->second.frequencies) {
    const auto posting = postings_.find(word);
    posting->second.erase(latent);
    if (posting->second.empty()) postings_.erase(posting);
  }
  total_length_ -= found->second.length;
  entries_.erase(found);
}

std::unordered_map<int32_t, double> SearchIndex::Match(const std::string& prefix) const {
  std::unordered_map<int32_t, double> frequencies;
  for (auto word = postings_.lower_bound(prefix);
       word != postings_.end() && absl::StartsWith(word->first, prefix); ++word) {
    const double factor = PrefixFactor(prefix.size(), word->first.size());
    for (const auto& [latent, frequency] : word->second) frequencies[latent] += factor * frequency;
  }
  return frequencies;
}

double SearchIndex::Score(const Entry& entry, double frequency, size_t matches) const {
  const auto concepts = static_cast<double>(entries_.size());
  const auto matching = static_cast<double>(matches);
  const double idf = std::log(1 + (concepts - matching + 0.5) / (matching + 0.5));
  const double mean_length = std::max(1.0, static_cast<double>(total_length_) / concepts);
  const double length = (1 - kLengthNormalization) +
                        kLengthNormalization * static_cast<double>(entry.length) / mean_length;
  return idf * frequency * (kSaturation + 1) / (frequency + kSaturation * length);
}

std::vector<SearchHit> SearchIndex::Find(const std::vector<std::string>& words,
                                         size_t max_results) const {
  std::unordered_map<int32_t, double> scores;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto matches = Match(words[i]);
    std::unordered_map<int32_t, double> narrowed;
    for (const auto& [latent, frequency] : matches) {
      const auto before = scores.find(latent);
      if (i > 0 && before == scores.end()) continue;
      narrowed[latent] =
          (i == 0 ? 0 : before->second) + Score(entries_.at(latent), frequency, matches.size());
    }
    scores = std::move(narrowed);
  }

  struct Candidate {
    SearchHit hit;
    double correlation;
  };
  const std::string query = absl::StrJoin(words, " ");
  std::vector<Candidate> candidates;
  for (const auto& [latent, score] : scores) {
    const Entry& entry = entries_.at(latent);
    double factor = entry.weight * (entry.description == query ? kWholeDescription : 1);
    const auto term = std::find(entry.terms.begin(), entry.terms.end(), query);
    if (term != entry.terms.end()) {
      const auto rank = static_cast<size_t>(term - entry.terms.begin());
      factor *= 1 + (kWholeTerm - 1) * Discount(rank, 1);
    }
    candidates.push_back({{latent, factor * score}, entry.correlation});
  }
  const size_t size = std::min(max_results, candidates.size());
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(size),
                    candidates.end(), [](const Candidate& a, const Candidate& b) {
                      if (a.hit.score != b.hit.score) return a.hit.score > b.hit.score;
                      if (a.correlation != b.correlation) return a.correlation > b.correlation;
                      return a.hit.latent < b.hit.latent;
                    });
  std::vector<SearchHit> hits;
  for (size_t i = 0; i < size; ++i) hits.push_back(candidates[i].hit);
  return hits;
}

}  // namespace recsae::concept_store
