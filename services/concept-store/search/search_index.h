// Finds concepts by the beginnings of words in their descriptions and terms.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_SEARCH_SEARCH_INDEX_H_
#define RECSAE_SERVICES_CONCEPT_STORE_SEARCH_SEARCH_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace recsae::concept_store {

// What is searched of one concept.
struct SearchDocument {
  std::string description;
  // Strongest first.
  std::vector<std::string> terms;
  // Decides between equal scores.
  double correlation = 0;
  // Multiplies the score: how much the concept is worth to somebody who searches, > 0.
  double weight = 1;
};

struct SearchHit {
  int32_t latent = 0;
  double score = 0;
};

// An inverted index over the concepts of one SAE. Not thread-safe.
//
// Scores follow BM25 (Robertson & Zaragoza 2009, eq. 3.15; k1 = 1.2, b = 0.3), where the frequency
// of a word counts each occurrence by its place: earlier in the description and stronger as a term
// is more, and a word that only begins with the query's word is less. A description or a term that
// *is* the query multiplies the score, and so does the document's weight.
class SearchIndex {
 public:
  // Adds or replaces.
  void Put(int32_t latent, const SearchDocument& document);
  void Remove(int32_t latent);

  // The concepts in which some word begins with each of `words` (SearchWords; not
  // empty), best first; equal scores by correlation, highest first, then by latent.
  std::vector<SearchHit> Find(const std::vector<std::string>& words, size_t max_results) const;

 private:
  struct Entry {
    // Words of the description, and of each term, joined by single spaces.
    std::string description;
    std::vector<std::string> terms;
    double weight = 1;
    double correlation = 0;
    // Occurrences of each word, weighted by place.
    std::map<std::string, double> frequencies;
    int64_t length = 0;  // words
  };

  // Frequency of each matching concept for words that begin with `prefix`.
  std::unordered_map<int32_t, double> Match(const std::string& prefix) const;
  double Score(const Entry& entry, double frequency, size_t matches) const;

  std::unordered_map<int32_t, Entry> entries_;
  std::map<std::string, std::map<int32_t, double>> postings_;
  int64_t total_length_ = 0;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_SEARCH_SEARCH_INDEX_H_
