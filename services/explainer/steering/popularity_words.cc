#include "services/explainer/steering/popularity_words.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"

namespace recsae::explainer {
namespace {

// As topics are left by the wishes' parser: without what says how much ("less known" is less of
// "known"), and without words that say nothing ("well", "the").
constexpr absl::string_view kPopular =
    "popular|most popular|popularity|mainstream|main stream|known|famous|blockbuster|blockbusters|"
    "hit|hits|box office hits|bestseller|bestsellers|best seller|best sellers|trending|viral|"
    "classic hits|big hits|smash hits|crowd pleasers|crowd pleaser|beaten track|beaten path|"
    "common|commonplace|obvious|obvious choices|usual suspects|hyped|chart toppers";
constexpr absl::string_view kUnpopular =
    "niche|niches|obscure|obscurity|unknown|unpopular|hidden gem|hidden gems|gems|hidden treasures|"
    "hidden treasure|underrated|overlooked|long tail|longtail|under radar|rare|rarity|rarities|"
    "undiscovered|little known|deep cuts|deep cut|unheard|unheard of|forgotten gems|"
    "hidden|uncommon|off mainstream|sleepers|sleeper hits";

bool Holds(absl::string_view phrases, absl::string_view topic) {
  const std::vector<absl::string_view> all = absl::StrSplit(phrases, '|');
  return std::find(all.begin(), all.end(), topic) != all.end();
}

}  // namespace

int PopularityOfTopic(absl::string_view topic) {
  if (Holds(kPopular, topic)) return 1;
  return Holds(kUnpopular, topic) ? -1 : 0;
}

double PopularitySteps(const Wish& wish) {
  const int side = PopularityOfTopic(wish.topic);
  switch (wish.polarity) {
    case WishPolarity::kMore:
      return side;
    case WishPolarity::kLess:
      return -side;
    case WishPolarity::kNever:
      return -2 * side;
    case WishPolarity::kUnknown:
      break;
  }
  return 0;
}

}  // namespace recsae::explainer
