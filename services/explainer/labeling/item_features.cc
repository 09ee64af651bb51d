#include "services/explainer/labeling/item_features.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <unordered_set>

#include "common/base/status.h"
#include "common/base/words.h"

namespace recsae::explainer {
namespace {

constexpr size_t kLongestPhrase = 3;

bool IsStopWord(const std::string& word) {
  static const std::unordered_set<std::string> kStopWords = {
      "a",    "an",   "and",  "are", "as",   "at",   "be",    "by",   "der",  "die", "for",
      "from", "he",   "her",  "his", "i",    "ii",   "iii",   "iv",   "in",   "is",  "it",
      "its",  "la",   "las",  "le",  "les",  "los",  "me",    "my",   "no",   "not", "of",
      "on",   "or",   "our",  "she", "that", "the",  "their", "they", "this", "to",  "vs",
      "was",  "we",   "what", "who", "will", "with", "you",   "your", "un",   "une", "del",
      "al",   "part", "vol",  "v",   "s",    "t",    "all",   "aka",  "de",   "el",  "das"};
  return kStopWords.contains(word);
}

bool IsNumber(const std::string& word) {
  return std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c); });
}

// Words and phrases of a title that may become features. A phrase neither begins nor ends with a
// stop word ("lord of the rings" would be four words; "planet of apes" is fine).
std::vector<std::string> TitlePhrases(const std::string& title) {
  const std::vector<std::string> words = Words(title);
  std::vector<std::string> phrases;
  for (size_t first = 0; first < words.size(); ++first) {
    std::string phrase;
    for (size_t last = first; last < std::min(words.size(), first + kLongestPhrase); ++last) {
      phrase = last == first ? words[last] : JoinWords(phrase, words[last]);
      const bool open = IsStopWord(words[first]) || IsStopWord(words[last]) ||
                        IsNumber(words[first]) || IsNumber(words[last]);
      if (!open && phrase.size() > 1) phrases.push_back(phrase);
    }
  }
  std::sort(phrases.begin(), phrases.end());
  phrases.erase(std::unique(phrases.begin(), phrases.end()), phrases.end());
  return phrases;
}

}  // namespace

ItemFeatures::ItemFeatures(std::span<const ItemText> items) {
  Build(items, [] { return absl::OkStatus(); }).IgnoreError();  // always alive
}

absl::StatusOr<ItemFeatures> ItemFeatures::Create(std::span<const ItemText> items,
                                                  absl::FunctionRef<absl::Status()> alive) {
  ItemFeatures features;
  RECSAE_RETURN_IF_ERROR(features.Build(items, alive));
  return features;
}

absl::Status ItemFeatures::Build(std::span<const ItemText> items,
                                 absl::FunctionRef<absl::Status()> alive) {
  constexpr size_t kBetweenChecks = 1024;
  size_t done = 0;
  const auto check = [&] { return ++done % kBetweenChecks == 0 ? alive() : absl::OkStatus(); };
  using Key = std::pair<std::string, std::string>;  // kind, text
  std::map<Key, std::vector<int32_t>> attributes;
  std::map<std::string, std::vector<int32_t>> phrases;
  for (size_t i = 0; i < items.size(); ++i) {
    RECSAE_RETURN_IF_ERROR(check());
    const auto item = static_cast<int32_t>(i);
    for (const Key& attribute : items[i].attributes) {
      std::vector<int32_t>& holders = attributes[attribute];
      if (holders.empty() || holders.back() != item) holders.push_back(item);
    }
    for (const std::string& phrase : TitlePhrases(items[i].title)) phrases[phrase].push_back(item);
  }

  const auto add = [this](std::string text, std::string kind, std::vector<int32_t> holders) {
    features_.push_back({std::move(text), std::move(kind), static_cast<int32_t>(holders.size())});
    items_of_.push_back(std::move(holders));
  };
  for (auto& [key, holders] : attributes) add(key.second, key.first, std::move(holders));

  std::map<std::vector<int32_t>, std::string> longest;  // items -> the longest phrase they share
  for (const auto& [phrase, holders] : phrases) {
    RECSAE_RETURN_IF_ERROR(check());
    if (holders.size() < 2) continue;
    std::string& kept = longest[holders];
    if (phrase.size() > kept.size()) kept = phrase;
  }
  for (const auto& [holders, phrase] : longest) {
    RECSAE_RETURN_IF_ERROR(check());
    add(phrase, "word", holders);
  }
  for (size_t i = 0; i < items.size(); ++i) {
    title_of_.push_back(items[i].title.empty() ? -1 : size());
    if (!items[i].title.empty()) add(items[i].title, "title", {static_cast<int32_t>(i)});
  }

  std::vector<std::vector<int32_t>> of(items.size());
  for (size_t f = 0; f < items_of_.size(); ++f) {
    for (const int32_t item : items_of_[f]) {
      of[static_cast<size_t>(item)].push_back(static_cast<int32_t>(f));
    }
  }
  begin_.push_back(0);
  for (const std::vector<int32_t>& ids : of) {
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    begin_.push_back(static_cast<int64_t>(ids_.size()));
  }
  return absl::OkStatus();
}

}  // namespace recsae::explainer
