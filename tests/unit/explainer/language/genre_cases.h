// Cases whose latents are genres, for tests of judges.
#ifndef RECSAE_TESTS_UNIT_EXPLAINER_LANGUAGE_GENRE_CASES_H_
#define RECSAE_TESTS_UNIT_EXPLAINER_LANGUAGE_GENRE_CASES_H_

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_features.h"

namespace recsae::explainer {

inline constexpr int kGenres = 12;
inline constexpr int kItemsPerGenre = 10;

inline std::vector<ItemText> Items() {
  std::vector<ItemText> items;
  for (int genre = 0; genre < kGenres; ++genre) {
    for (int i = 0; i < kItemsPerGenre; ++i) {
      items.push_back(
          {absl::StrCat("film ", genre, "-", i), {{"genre", absl::StrCat("g", genre, "x")}}});
    }
  }
  return items;
}

// Latent = genre of what is recommended.
inline CaseTable Cases() {
  CaseTable cases(kGenres);
  std::mt19937 random(11);
  for (int i = 0; i < 3000; ++i) {
    const auto genre = static_cast<int32_t>(random() % kGenres);
    Case made;
    made.row = i;
    made.user = i / 3;
    made.ranked = {static_cast<int32_t>(genre * kItemsPerGenre + random() % kItemsPerGenre)};
    made.history = {static_cast<int32_t>(random() % (kGenres * kItemsPerGenre))};
    const std::vector<sae::LatentActivation> code = {
        {genre, 1.0f + static_cast<float>(random() % 100) / 50}};
    cases.Add(std::move(made), code);
  }
  cases.Finish();
  return cases;
}

}  // namespace recsae::explainer

#endif  // RECSAE_TESTS_UNIT_EXPLAINER_LANGUAGE_GENRE_CASES_H_
