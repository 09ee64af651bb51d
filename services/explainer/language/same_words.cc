#include "services/explainer/language/same_words.h"

#include <cstddef>
#include <set>
#include <string>

#include "common/base/query_words.h"

namespace recsae::explainer {
namespace {

constexpr double kSameShare = 0.5;

std::set<std::string> WordsOf(absl::string_view text) {
  std::set<std::string> words;
  for (FoldedWord& word : FoldWords(text)) words.insert(std::move(word.folded));
  return words;
}

}  // namespace

bool SayTheSame(absl::string_view a, absl::string_view b) {
  const std::set<std::string> of_a = WordsOf(a);
  const std::set<std::string> of_b = WordsOf(b);
  size_t common = 0;
  for (const std::string& word : of_a) common += of_b.count(word);
  const size_t all = of_a.size() + of_b.size() - common;
  return static_cast<double>(common) >= kSameShare * static_cast<double>(all);
}

}  // namespace recsae::explainer
