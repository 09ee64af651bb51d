// Finds concepts by the words of their descriptions and terms, as people mean them (query_words.h).
#ifndef RECSAE_SERVICES_CONCEPT_STORE_SEARCH_SEARCH_INDEX_H_
#define RECSAE_SERVICES_CONCEPT_STORE_SEARCH_SEARCH_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/query_words.h"

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
  // Whether each word of the query but stop words stands in some concept, as it is or nearly.
  bool words_known = true;
};

// An inverted index over the concepts of one SAE. Not thread-safe.
//
// Scores follow BM25 (Robertson & Zaragoza 2009, eq. 3.15; k1 = 1.2, b = 0.3), where the frequency
// of a word counts each occurrence by its place: earlier in the description and stronger as a term
// is more, and a word that only begins with the query's word is less. A description or a term that
// *is* the query multiplies the score, and so does the document's weight. Before scores comes how
// well a concept matches (MatchLevel): whole words before the beginnings of words.
class SearchIndex {
 public:
  // Adds or replaces.
  void Put(int32_t latent, const SearchDocument& document);
  void Remove(int32_t latent);

  // The concepts that match most of `words` (SearchWords; not empty), best first; equal scores by
  // correlation, highest first, then by latent.
  std::vector<SearchHit> Find(const std::vector<std::string>& words, size_t max_results) const;

 private:
  struct Phrase {
    std::string written;  // words joined by single spaces
    std::string folded;
  };
  struct Occurrence {
    double frequency = 0;  // weighted by place
    bool said = false;     // not among the examples alone
  };
  struct Entry {
    Phrase description;
    std::vector<Phrase> terms;
    double weight = 1;
    double correlation = 0;
    // By folded word.
    std::map<std::string, Occurrence> occurrences;
    // Words that are written otherwise than they are folded: written, folded.
    std::map<std::string, std::string> variants;
    int64_t length = 0;  // words
  };
  // What one word of a query finds in one concept.
  struct Match {
    double frequency = 0;
    WordMatch how = WordMatch::kNone;
  };
  using Matches = std::unordered_map<int32_t, Match>;
  struct Candidate {
    MatchLevel level;
    double score = 0;
  };

  static void AddWords(const std::vector<FoldedWord>& words, bool said, Entry& entry,
                       const std::vector<double>& frequencies);
  Matches MatchWord(const FoldedWord& word) const;
  void AddPrefixMatches(const std::string& prefix, const std::string& but, Matches& matches) const;
  double Score(const Entry& entry, double frequency, size_t matches) const;
  static double PhraseFactor(const Entry& entry, const Phrase& query);

  std::unordered_map<int32_t, Entry> entries_;
  // By folded word.
  std::map<std::string, std::map<int32_t, Occurrence>> postings_;
  // By word as written, the folded words that stand for it, with how many concepts write it so.
  std::map<std::string, std::map<std::string, int64_t>> variants_;
  int64_t total_length_ = 0;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_SEARCH_SEARCH_INDEX_H_
