#include "common/base/query_words.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/words.h"

namespace recsae {
namespace {

using Pair = std::pair<absl::string_view, absl::string_view>;

// Of any text, and of catalogues: what is searched is all films, or all items. Folded.
constexpr absl::string_view kStopWords[] = {
    "a",       "about", "all",   "an",    "and",  "any",   "are",   "as",   "at",    "be",
    "by",      "film",  "flick", "for",   "from", "genre", "i",     "in",   "is",    "it",
    "item",    "its",   "kind",  "me",    "movy", "my",    "of",    "on",   "or",    "please",
    "product", "some",  "sort",  "stuff", "that", "the",   "their", "them", "these", "thing",
    "this",    "those", "title", "to",    "type", "very",  "with",  "you",  "your"};

constexpr absl::string_view kNegations[] = {"not", "no", "non", "without", "less"};

// Words that are written as two as well, and names of the same.
constexpr std::array<absl::string_view, 3> kCompounds[] = {
    {"sci", "fi", "scifi"},
    {"science", "fiction", "scifi"},
    {"rom", "com", "romcom"},
    {"super", "hero", "superhero"},
};

constexpr Pair kSame[] = {
    {"sf", "scifi"},       {"twenties", "1920s"},  {"thirties", "1930s"},  {"forties", "1940s"},
    {"fifties", "1950s"},  {"sixties", "1960s"},   {"seventies", "1970s"}, {"eighties", "1980s"},
    {"nineties", "1990s"}, {"noughties", "2000s"}, {"women", "woman"},     {"men", "man"},
    {"wives", "wife"},     {"wolves", "wolf"},     {"thieves", "thief"},
};

// Folded, from what people say to what things are filed under.
constexpr Pair kRelated[] = {
    {"scary", "horror"},         {"gory", "horror"},           {"gore", "horror"},
    {"spooky", "horror"},        {"frightening", "horror"},    {"romantic", "romance"},
    {"love", "romance"},         {"romcom", "romance"},        {"funny", "comedy"},
    {"comic", "comedy"},         {"comical", "comedy"},        {"humor", "comedy"},
    {"humour", "comedy"},        {"animated", "animation"},    {"cartoon", "animation"},
    {"kid", "children"},         {"child", "children"},        {"family", "children"},
    {"dramatic", "drama"},       {"adventurous", "adventure"}, {"criminal", "crime"},
    {"gangster", "crime"},       {"mafia", "crime"},           {"whodunit", "mystery"},
    {"detective", "mystery"},    {"cowboy", "western"},        {"space", "scifi"},
    {"futuristic", "scifi"},     {"magic", "fantasy"},         {"suspense", "thriller"},
    {"suspenseful", "thriller"}, {"thrilling", "thriller"},    {"battle", "war"},
    {"military", "war"},         {"singing", "musical"},
};

// More than another word can have.
constexpr int kHeadQuality = static_cast<int>(WordMatch::kWord);

template <typename Words>
bool IsIn(const Words& words, absl::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

template <size_t n>
absl::string_view Second(const Pair (&pairs)[n], absl::string_view first) {
  for (const Pair& pair : pairs) {
    if (pair.first == first) return pair.second;
  }
  return {};
}

bool IsDecade(absl::string_view word) {
  return word.size() == 5 && word.back() == 's' &&
         std::all_of(word.begin(), word.end() - 1, absl::ascii_isdigit);
}

// "90s": of the last century, but for what had hardly begun to be filmed in it.
std::string FoldDecade(absl::string_view word) {
  const bool short_form =
      word.size() == 3 && absl::ascii_isdigit(word[0]) && word[1] == '0' && word[2] == 's';
  if (!short_form) return "";
  return absl::StrCat(word[0] < '2' ? "20" : "19", word);
}

bool EndsInOneOf(absl::string_view word, std::initializer_list<absl::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](absl::string_view ending) { return absl::EndsWith(word, ending); });
}

// The singular of an English plural; possessives have lost their apostrophe before.
std::string Singular(absl::string_view word) {
  constexpr size_t kShortest = 4;
  if (word.size() < kShortest || word.back() != 's' || EndsInOneOf(word, {"ss", "us", "is"})) {
    return std::string(word);
  }
  if (absl::EndsWith(word, "ies") && word.size() > kShortest) {
    return absl::StrCat(word.substr(0, word.size() - 3), "y");
  }
  const bool hissing = EndsInOneOf(word, {"sses", "shes", "ches", "xes", "zes"});
  return std::string(word.substr(0, word.size() - (hissing ? 2 : 1)));
}

std::string Fold(const std::string& word) {
  if (const absl::string_view same = Second(kSame, word); !same.empty()) return std::string(same);
  if (std::string decade = FoldDecade(word); !decade.empty()) return decade;
  if (IsDecade(word)) return word;
  return Singular(word);
}

}  // namespace

std::vector<FoldedWord> FoldWords(const std::vector<std::string>& words) {
  std::vector<FoldedWord> folded;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto compound =
        i + 1 == words.size()
            ? std::end(kCompounds)
            : std::find_if(std::begin(kCompounds), std::end(kCompounds), [&](const auto& parts) {
                return parts[0] == words[i] && parts[1] == words[i + 1];
              });
    if (compound != std::end(kCompounds)) {
      folded.push_back({absl::StrCat(words[i], words[i + 1]), std::string((*compound)[2])});
      ++i;
    } else {
      folded.push_back({words[i], Fold(words[i])});
    }
  }
  return folded;
}

std::vector<FoldedWord> FoldWords(absl::string_view text) { return FoldWords(SearchWords(text)); }

std::vector<FoldedWord> DecadesBetween(const std::vector<FoldedWord>& words) {
  constexpr int kDecade = 10;
  std::vector<FoldedWord> between;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    int first = 0;
    int last = 0;
    const auto year = [](const std::string& word, int* value) {
      return IsDecade(word) && absl::SimpleAtoi(word.substr(0, word.size() - 1), value);
    };
    if (!year(words[i].folded, &first) || !year(words[i + 1].folded, &last)) continue;
    for (int decade = first + kDecade; decade < last; decade += kDecade) {
      const std::string word = absl::StrCat(decade, "s");
      const bool known = std::any_of(between.begin(), between.end(),
                                     [&](const FoldedWord& other) { return other.folded == word; });
      if (!known) between.push_back({word, word});
    }
  }
  return between;
}

std::vector<FoldedWord> QueryWords(const std::vector<std::string>& words) {
  const std::vector<FoldedWord> all = FoldWords(words);
  std::vector<FoldedWord> telling;
  for (const FoldedWord& word : all) {
    const auto same = [&](const FoldedWord& other) { return other.folded == word.folded; };
    if (IsIn(kStopWords, word.folded) || std::any_of(telling.begin(), telling.end(), same))
      continue;
    telling.push_back(word);
  }
  return telling.empty() ? all : telling;
}

std::vector<FoldedWord> QueryWords(absl::string_view query) {
  return QueryWords(SearchWords(query));
}

std::string RelatedWord(absl::string_view folded) { return std::string(Second(kRelated, folded)); }

absl::Status CheckNotNegated(absl::string_view query) {
  std::vector<std::string> words = SearchWords(query);
  if (words.size() < 2 || !IsIn(kNegations, words.front())) return absl::OkStatus();
  const std::string rest = absl::StrJoin(words.begin() + 1, words.end(), " ");
  return Error(absl::StatusCode::kInvalidArgument, "QUERY_NEGATED",
               absl::StrCat("\"", absl::StripAsciiWhitespace(query),
                            "\" says what not to look for; search for \"", rest,
                            "\", and to have less of it write '", rest, ":-4' or '", rest, ":off'"),
               {{"query", std::string(query)}, {"rest", rest}});
}

DescriptionParts PartsOf(absl::string_view description) {
  constexpr absl::string_view kExamples = "like ";
  if (absl::StartsWith(description, kExamples)) return {{}, description};
  const size_t parted = description.find(absl::StrCat("; ", kExamples));
  if (parted == absl::string_view::npos) return {description, {}};
  return {description.substr(0, parted), description.substr(parted)};
}

size_t HeadOf(const std::vector<FoldedWord>& query) {
  for (size_t i = query.size(); i-- > 0;) {
    if (!IsDecade(query[i].folded)) return i;
  }
  return query.size() - 1;
}

void AddMatch(WordMatch match, bool is_head, MatchLevel& level) {
  if (match == WordMatch::kNone) return;
  ++level.words;
  level.quality += static_cast<int>(match) + (is_head ? kHeadQuality : 0);
}

MatchLevel LevelOf(const std::vector<FoldedWord>& query, absl::string_view description,
                   absl::string_view more) {
  const DescriptionParts parts = PartsOf(description);
  const std::vector<FoldedWord> said = FoldWords(absl::StrCat(parts.said, ", ", more));
  std::vector<FoldedWord> examples = FoldWords(parts.examples);
  for (FoldedWord& decade : DecadesBetween(said)) examples.push_back(std::move(decade));
  const auto matches = [&](const FoldedWord& word) {
    const auto is_it = [&](const FoldedWord& there) { return there.folded == word.folded; };
    if (std::any_of(said.begin(), said.end(), is_it)) return WordMatch::kWord;
    if (std::any_of(examples.begin(), examples.end(), is_it)) return WordMatch::kExample;
    const std::string related = RelatedWord(word.folded);
    const auto is_near = [&](const FoldedWord& there) {
      return absl::StartsWith(there.folded, word.written) ||
             absl::StartsWith(there.written, word.written) || there.folded == related;
    };
    const bool near = std::any_of(said.begin(), said.end(), is_near) ||
                      std::any_of(examples.begin(), examples.end(), is_near);
    return near ? WordMatch::kNear : WordMatch::kNone;
  };
  MatchLevel level;
  if (query.empty()) return level;
  const size_t head = HeadOf(query);
  for (size_t i = 0; i < query.size(); ++i) AddMatch(matches(query[i]), i == head, level);
  return level;
}

}  // namespace recsae
