// Random rows with codes, and what plain loops make of them.
#ifndef TESTS_UNIT_EXPLAINER_VERIFICATION_TABLES_H_
#define TESTS_UNIT_EXPLAINER_VERIFICATION_TABLES_H_

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "common/base/random.h"
#include "common/sae/codes.h"
#include "services/explainer/evidence/sample.h"
#include "services/explainer/labeling/item_sets.h"
#include "services/explainer/labeling/roles.h"
#include "tests/unit/explainer/evidence/planted.h"

namespace recsae::explainer {

inline constexpr int kTableItems = 120;
inline constexpr int kTableKinds = 4;
inline constexpr int kTableLatents = 9;

// Item i is of kind i % kTableKinds and of shelf i % 10.
inline ItemSets TableSets() {
  std::vector<ItemText> texts;
  for (int i = 0; i < kTableItems; ++i) {
    texts.push_back({"",
                     {{"kind", "kind" + std::to_string(i % kTableKinds)},
                      {"shelf", "shelf" + std::to_string(i % 10)}}});
  }
  return *ItemSets::Create(texts, {}, ItemSetOptions(), Always);
}

struct Table {
  SampledRows rows;
  sae::SparseCodes codes;
};

// One to ten items a row; two or three latents fire, of which the first goes with the kind of the
// first item. The last latent never fires.
inline Table RandomTable(uint64_t seed, int64_t rows, int users, bool is_signed) {
  Random random(seed, 77);
  Table table;
  for (int64_t row = 0; row < rows; ++row) {
    Case made;
    made.row = row;
    made.user = static_cast<int32_t>(random.Below(static_cast<uint64_t>(users)));
    const uint64_t kind = random.Below(kTableKinds);
    const uint64_t count = 1 + random.Below(10);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t item = random.Below(kTableItems / kTableKinds) * kTableKinds;
      made.ranked.push_back(static_cast<int32_t>(item + (i % 3 < 2 ? kind : i % kTableKinds)));
    }
    table.rows.cases.push_back(std::move(made));
    std::vector<int32_t> latents = {static_cast<int32_t>(kind)};
    for (int i = 0; i < 2; ++i) {
      const auto latent = static_cast<int32_t>(random.Below(kTableLatents - 1));
      if (std::find(latents.begin(), latents.end(), latent) == latents.end()) {
        latents.push_back(latent);
      }
    }
    std::sort(latents.begin(), latents.end());
    std::vector<sae::LatentActivation> code;
    for (const int32_t latent : latents) {
      const double value = 0.5 + random.Uniform();
      const bool negative = is_signed && random.Below(2) == 0;
      code.push_back({latent, static_cast<float>(negative ? -value : value)});
    }
    table.codes.Append(code);
  }
  return table;
}

inline double ActivationIn(const sae::SparseCodes& codes, int64_t row, int32_t latent) {
  for (const auto& [active, value] : codes.Row(row)) {
    if (active == latent) return value;
  }
  return 0;
}

// How many of a row's items speak, and how many of these a set holds.
inline std::pair<int, int> Counts(const Case& row, const ItemSets& sets, int32_t set,
                                  const Speaking& speaking) {
  int speak = 0;
  int held = 0;
  for (const int32_t item : row.ranked) {
    if (!speaking(item)) continue;
    ++speak;
    const auto of = sets.Of(item);
    held += std::find(of.begin(), of.end(), set) != of.end() ? 1 : 0;
  }
  return {speak, held};
}

// From the definition; 0 where one of the two does not vary.
inline double PlainPearson(const std::vector<double>& a, const std::vector<double>& b) {
  double mean_a = 0;
  double mean_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    mean_a += a[i] / static_cast<double>(a.size());
    mean_b += b[i] / static_cast<double>(a.size());
  }
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += std::pow(a[i] - mean_a, 2);
    bb += std::pow(b[i] - mean_b, 2);
  }
  return aa < 1e-9 || bb < 1e-9 ? 0 : ab / std::sqrt(aa * bb);
}

}  // namespace recsae::explainer

#endif  // TESTS_UNIT_EXPLAINER_VERIFICATION_TABLES_H_
