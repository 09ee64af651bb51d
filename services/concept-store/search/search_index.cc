#include "services/concept-store/search/search_index.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace recsae::concept_store {
namespace {

constexpr double kSaturation = 1.2;           // k1
constexpr double kLengthNormalization = 0.3;  // b: descriptions differ little in length
// A word of the description counts half when it stands 8 words in, one of a term when 4 terms are
// stronger.
constexpr double kWordHalving = 8;
constexpr double kTermHalving = 4;
constexpr double kBetween = 0.5;  // the 1980s of "1970s-1990s"
// A word that goes on after the query's word counts between these, by how much of it was given.
constexpr double kPrefixLeast = 0.3;
constexpr double kPrefixMost = 0.9;
// Factors for a description, or the strongest term, that is the query and nothing else.
constexpr double kWholeDescription = 2;
constexpr double kFoldedDescription = 1.8;  // "horror" where "horrors" is searched
constexpr double kWholeTerm = 1.5;

double Discount(size_t place, double halving) {
  return halving / (halving + static_cast<double>(place));
}

double PrefixFactor(size_t given, size_t length) {
  if (given == length) return 1;
  return kPrefixLeast +
         (kPrefixMost - kPrefixLeast) * static_cast<double>(given) / static_cast<double>(length);
}

std::string Written(const std::vector<FoldedWord>& words) {
  return absl::StrJoin(words, " ", [](std::string* out, const FoldedWord& word) {
    absl::StrAppend(out, word.written);
  });
}

std::string Folded(const std::vector<FoldedWord>& words) {
  return absl::StrJoin(words, " ", [](std::string* out, const FoldedWord& word) {
    absl::StrAppend(out, word.folded);
  });
}

}  // namespace

void SearchIndex::AddWords(const std::vector<FoldedWord>& words, bool said, Entry& entry,
                           const std::vector<double>& frequencies) {
  for (size_t i = 0; i < words.size(); ++i) {
    Occurrence& occurrence = entry.occurrences[words[i].folded];
    occurrence.frequency += frequencies[i];
    occurrence.said = occurrence.said || said;
    if (words[i].written != words[i].folded) entry.variants[words[i].written] = words[i].folded;
  }
  entry.length += static_cast<int64_t>(words.size());
}

void SearchIndex::Put(int32_t latent, const SearchDocument& document) {
  Remove(latent);
  Entry entry;
  entry.weight = document.weight;
  entry.correlation = document.correlation;
  const DescriptionParts parts = PartsOf(document.description);
  size_t place = 0;
  for (const bool said : {true, false}) {
    const std::vector<FoldedWord> words = FoldWords(said ? parts.said : parts.examples);
    std::vector<double> frequencies;
    for (size_t i = 0; i < words.size(); ++i) {
      frequencies.push_back(Discount(place++, kWordHalving));
    }
    AddWords(words, said, entry, frequencies);
    if (said) {
      entry.description = {Written(words), Folded(words)};
      const std::vector<FoldedWord> decades = DecadesBetween(words);
      AddWords(decades, false, entry, std::vector<double>(decades.size(), kBetween));
    }
  }
  for (size_t rank = 0; rank < document.terms.size(); ++rank) {
    const std::vector<FoldedWord> words = FoldWords(document.terms[rank]);
    entry.terms.push_back({Written(words), Folded(words)});
    AddWords(words, true, entry, std::vector<double>(words.size(), Discount(rank, kTermHalving)));
  }
  for (const auto& [word, occurrence] : entry.occurrences) {
    auto& posting = postings_[word];
    // A store is read in the order of latents, so that each goes at the end, without a search.
    posting.insert_or_assign(posting.end(), latent, occurrence);
  }
  for (const auto& [written, folded] : entry.variants) ++variants_[written][folded];
  total_length_ += entry.length;
  entries_[latent] = std::move(entry);
}

void SearchIndex::Remove(int32_t latent) {
  const auto found = entries_.find(latent);
  if (found == entries_.end()) return;
  for (const auto& [word, occurrence] : found->second.occurrences) {
    const auto posting = postings_.find(word);
    posting->second.erase(latent);
    if (posting->second.empty()) postings_.erase(posting);
  }
  for (const auto& [written, folded] : found->second.variants) {
    const auto variant = variants_.find(written);
    if (--variant->second[folded] == 0) variant->second.erase(folded);
    if (variant->second.empty()) variants_.erase(variant);
  }
  total_length_ -= found->second.length;
  entries_.erase(found);
}

void SearchIndex::AddPrefixMatches(const std::string& prefix, const std::string& but,
                                   Matches& matches) const {
  const auto add = [&](const std::string& word, size_t length) {
    const double factor = PrefixFactor(prefix.size(), length);
    for (const auto& [latent, occurrence] : postings_.at(word)) {
      Match& match = matches[latent];
      match.frequency += factor * occurrence.frequency;
      match.how = std::max(match.how, WordMatch::kNear);
    }
  };
  for (auto word = postings_.lower_bound(prefix);
       word != postings_.end() && absl::StartsWith(word->first, prefix); ++word) {
    if (word->first != but) add(word->first, word->first.size());
  }
  for (auto variant = variants_.lower_bound(prefix);
       variant != variants_.end() && absl::StartsWith(variant->first, prefix); ++variant) {
    for (const auto& [folded, concepts] : variant->second) {
      const bool counted = folded == but || absl::StartsWith(folded, prefix);
      if (!counted) add(folded, variant->first.size());
    }
  }
}

SearchIndex::Matches SearchIndex::MatchWord(const FoldedWord& word) const {
  Matches matches;
  if (const auto whole = postings_.find(word.folded); whole != postings_.end()) {
    for (const auto& [latent, occurrence] : whole->second) {
      matches[latent] = {occurrence.frequency,
                         occurrence.said ? WordMatch::kWord : WordMatch::kExample};
    }
  }
  AddPrefixMatches(word.written, word.folded, matches);
  if (!matches.empty()) return matches;
  const auto related = postings_.find(RelatedWord(word.folded));
  if (related == postings_.end()) return matches;
  for (const auto& [latent, occurrence] : related->second) {
    matches[latent] = {occurrence.frequency, WordMatch::kNear};
  }
  return matches;
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

double SearchIndex::PhraseFactor(const Entry& entry, const Phrase& query) {
  const auto is_query = [&](const Phrase& phrase) { return phrase.folded == query.folded; };
  double factor = 1;
  if (is_query(entry.description)) {
    factor = entry.description.written == query.written ? kWholeDescription : kFoldedDescription;
  }
  const auto term = std::find_if(entry.terms.begin(), entry.terms.end(), is_query);
  if (term != entry.terms.end()) {
    const auto rank = static_cast<size_t>(term - entry.terms.begin());
    factor *= 1 + (kWholeTerm - 1) * Discount(rank, 1);
  }
  return factor;
}

std::vector<SearchHit> SearchIndex::Find(const std::vector<std::string>& words,
                                         size_t max_results) const {
  const std::vector<FoldedWord> query = QueryWords(words);
  const Phrase phrase = {Written(query), Folded(query)};
  const size_t head = HeadOf(query);
  std::unordered_map<int32_t, Candidate> candidates;
  bool words_known = true;
  for (size_t i = 0; i < query.size(); ++i) {
    const Matches matches = MatchWord(query[i]);
    words_known = words_known && !matches.empty();
    for (const auto& [latent, match] : matches) {
      Candidate& candidate = candidates[latent];
      AddMatch(match.how, i == head, candidate.level);
      candidate.score += Score(entries_.at(latent), match.frequency, matches.size());
    }
  }
  int most = 0;
  for (const auto& [latent, candidate] : candidates) most = std::max(most, candidate.level.words);

  std::vector<std::pair<int32_t, Candidate>> ranked;
  for (auto& [latent, candidate] : candidates) {
    if (candidate.level.words < most) continue;
    const Entry& entry = entries_.at(latent);
    candidate.score *= entry.weight * PhraseFactor(entry, phrase);
    ranked.emplace_back(latent, candidate);
  }
  const size_t size = std::min(max_results, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(size),
                    ranked.end(), [&](const auto& a, const auto& b) {
                      if (a.second.level != b.second.level) return a.second.level > b.second.level;
                      if (a.second.score != b.second.score) return a.second.score > b.second.score;
                      const double of_a = entries_.at(a.first).correlation;
                      const double of_b = entries_.at(b.first).correlation;
                      return of_a != of_b ? of_a > of_b : a.first < b.first;
                    });
  std::vector<SearchHit> hits;
  for (size_t i = 0; i < size; ++i) {
    const Candidate& candidate = ranked[i].second;
    // In the same order: the whole part by how it matches, and within that by the score.
    hits.push_back({ranked[i].first,
                    candidate.level.quality + candidate.score / (1 + candidate.score),
                    words_known});
  }
  return hits;
}

}  // namespace recsae::concept_store
