// Generates interactions whose concepts are known.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/readers.h"

namespace recsae::probe {
namespace {

constexpr std::array<absl::string_view, 40> kNoiseWords = {
    "Amber",  "Autumn",  "Border", "Bridge", "Broken",  "Candle",  "Circle",   "Copper",
    "Corner", "Distant", "Early",  "Empty",  "Evening", "Falling", "Garden",   "Glass",
    "Golden", "Harbor",  "Hidden", "Hollow", "Island",  "Journey", "Lantern",  "Letter",
    "Little", "Market",  "Meadow", "Mirror", "Morning", "Narrow",  "Northern", "Paper",
    "Quiet",  "Return",  "River",  "Second", "Silver",  "Summer",  "Window",   "Winter"};
// The first concepts, so that what is tried on films can be tried on generated data.
constexpr std::array<absl::string_view, 16> kGenres = {
    "Horror", "Comedy", "Western",   "Musical",     "Thriller",  "Romance", "Mystery", "Fantasy",
    "Drama",  "Crime",  "Adventure", "Documentary", "Animation", "War",     "Action",  "Noir"};
constexpr std::array<absl::string_view, 6> kColors = {"red",   "green", "blue",
                                                      "white", "black", "grey"};

// Items made between two questions whether to go on.
constexpr int kItemsPerQuestion = 1000;

// A pronounceable word such as "Velora".
std::string InventName(Random* random) {
  constexpr absl::string_view kConsonants = "bdfgklmnprstvz";
  constexpr absl::string_view kVowels = "aeiou";
  std::string name;
  for (int syllable = 0; syllable < 3; ++syllable) {
    name += kConsonants[random->Below(kConsonants.size())];
    name += kVowels[random->Below(kVowels.size())];
  }
  name += kConsonants[random->Below(kConsonants.size())];
  name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name;
}

// Genres, and more names of that sort where they do not last.
std::vector<std::string> ConceptNames(int count, Random* random) {
  std::unordered_set<std::string> used;
  std::vector<std::string> names;
  while (static_cast<int>(names.size()) < count) {
    std::string name = InventName(random);
    if (used.insert(name).second) names.push_back(std::move(name));
  }
  for (size_t i = 0; i < std::min(names.size(), kGenres.size()); ++i) {
    names[i] = std::string(kGenres[i]);
  }
  return names;
}

Item MakeItem(int number, const std::string& concept_name, Random* random) {
  std::vector<std::string> words = {concept_name};
  for (int i = 0; i < 2; ++i) words.emplace_back(kNoiseWords[random->Below(kNoiseWords.size())]);
  random->Shuffle(&words);
  Item item{absl::StrCat(number), absl::StrCat(words[0], " ", words[1], " ", words[2]), {}};
  item.attributes = {{"concept", concept_name},
                     {"color", std::string(kColors[random->Below(kColors.size())])},
                     {"decade", absl::StrCat(1950 + 10 * random->Below(7), "s")}};
  return item;
}

// The items of one concept, drawn by popularity.
class ConceptItems {
 public:
  ConceptItems(std::vector<int32_t> items, double skew) : items_(std::move(items)) {
    double sum = 0;
    for (size_t rank = 0; rank < items_.size(); ++rank) {
      cumulative_.push_back(sum += std::pow(1 + static_cast<double>(rank), -skew));
    }
  }

  // An item not in `seen`, or -1 if none came up.
  int32_t Draw(const std::unordered_set<int32_t>& seen, Random* random) const {
    constexpr int kTries = 64;
    for (int i = 0; i < kTries; ++i) {
      const double at = random->Uniform() * cumulative_.back();
      const auto it = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, at);
      const int32_t item = items_[it - cumulative_.begin()];
      if (!seen.contains(item)) return item;
    }
    return -1;
  }

 private:
  std::vector<int32_t> items_;
  std::vector<double> cumulative_;
};

std::vector<int32_t> DrawSequence(const PlantedOptions& options,
                                  const std::vector<ConceptItems>& concepts, Random* random) {
  const int spread = options.max_length - options.min_length + 1;
  const auto length = options.min_length + static_cast<int>(random->Below(spread));
  std::vector<int32_t> sequence;
  sequence.reserve(length);
  std::unordered_set<int32_t> seen;
  size_t at = random->Below(concepts.size());
  while (static_cast<int>(sequence.size()) < length) {
    if (random->Uniform() >= options.stay) at = random->Below(concepts.size());
    const int32_t item = concepts[at].Draw(seen, random);
    if (item < 0) {  // this concept has little left for this user
      at = random->Below(concepts.size());
      continue;
    }
    sequence.push_back(item);
    seen.insert(item);
  }
  return sequence;
}

absl::Status CheckPlanted(const PlantedOptions& o) {
  // Named by the field of the contract's PlantedOptions that an option comes from, if there is one.
  const auto require = [](bool holds, absl::string_view name, absl::string_view rule) {
    if (holds) return absl::OkStatus();
    return Error(absl::StatusCode::kInvalidArgument, "PLANTED_OPTIONS_INVALID",
                 absl::StrCat("generated data: ", name, " must be ", rule),
                 {{"name", std::string(name)}});
  };
  RECSAE_RETURN_IF_ERROR(require(o.users >= 1 && o.users <= 1000000, "user_count",
                                 absl::StrCat("1 to 1000000, is ", o.users)));
  RECSAE_RETURN_IF_ERROR(require(o.concepts >= 1 && o.concepts <= 1000, "concept_count",
                                 absl::StrCat("1 to 1000, is ", o.concepts)));
  RECSAE_RETURN_IF_ERROR(
      require(o.items >= 2 * o.concepts && o.items <= 1000000, "items_per_concept",
              absl::StrCat("at least 2, and the items at most 1000000 in all; they are ", o.items,
                           " for ", o.concepts, " concepts")));
  const std::string lengths =
      absl::StrCat("; the users would have ", o.min_length, " to ", o.max_length);
  RECSAE_RETURN_IF_ERROR(require(o.min_length >= 3 && o.max_length >= o.min_length,
                                 "interactions_per_user",
                                 absl::StrCat("so many that each user has at least 3", lengths)));
  // A quarter leaves every user something to draw, however skewed the popularity.
  RECSAE_RETURN_IF_ERROR(
      require(o.max_length <= o.items / 4, "interactions_per_user",
              absl::StrCat("at most a quarter of the ", o.items, " items", lengths)));
  RECSAE_RETURN_IF_ERROR(
      require(o.stay >= 0 && o.stay <= 1, "stay", absl::StrCat("0 to 1, is ", o.stay)));
  return require(o.popularity_skew >= 0 && o.popularity_skew <= 2, "popularity_skew",
                 absl::StrCat("0 to 2, is ", o.popularity_skew));
}

}  // namespace

absl::StatusOr<Dataset> GeneratePlanted(const PlantedOptions& options, const Proceed& proceed) {
  RECSAE_RETURN_IF_ERROR(CheckPlanted(options));
  Random random(options.seed);
  Dataset dataset;
  dataset.name = "planted";
  dataset.concept_names = ConceptNames(options.concepts, &random);
  std::vector<std::vector<int32_t>> members(options.concepts);
  for (int i = 0; i < options.items; ++i) {
    if (proceed && i % kItemsPerQuestion == 0) RECSAE_RETURN_IF_ERROR(proceed(0));
    const int concept_number = i % options.concepts;
    dataset.items.push_back(MakeItem(i + 1, dataset.concept_names[concept_number], &random));
    dataset.item_concept.push_back(concept_number);
    members[concept_number].push_back(i);
  }
  std::vector<ConceptItems> concepts;
  concepts.reserve(members.size());
  for (auto& items : members) concepts.emplace_back(std::move(items), options.popularity_skew);
  dataset.users.reserve(options.users);
  dataset.sequences.reserve(options.users);
  for (int32_t user = 0; user < options.users; ++user) {
    if (proceed) RECSAE_RETURN_IF_ERROR(proceed(0));
    dataset.users.push_back(absl::StrCat(user + 1));
    dataset.sequences.push_back(DrawSequence(options, concepts, &random));
  }
  LeaveOneOut(&dataset);
  return dataset;
}

}  // namespace recsae::probe
