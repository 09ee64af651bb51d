#include "services/probe/datasets/scale.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"

namespace recsae::probe {
namespace {

// Of the scale: four of five stars, 8 of 10, 80 of 100.
constexpr double kLiked = 0.8;
// More is no scale but a count.
constexpr double kTopOfScales = 100;

double TopOf(double highest) {
  for (const double top : {1.0, 5.0, 10.0, 20.0, kTopOfScales}) {
    // A scale whose upper fifth nobody uses is another one.
    if (highest <= top) return highest < kLiked * top ? highest : top;
  }
  return highest;
}

}  // namespace

Scale DeriveScale(const std::vector<float>& ratings) {
  constexpr size_t kDistinct = 3;  // more than two is all that matters
  std::set<float> distinct;
  double lowest = 0, highest = 0;
  if (!ratings.empty()) lowest = highest = ratings.front();
  for (const float rating : ratings) {
    if (distinct.size() < kDistinct) distinct.insert(rating);
    lowest = std::min<double>(lowest, rating);
    highest = std::max<double>(highest, rating);
  }
  const std::string range = absl::StrCat("ratings go from ", lowest, " to ", highest);
  if (distinct.size() < 2) {
    return {lowest, false, absl::StrCat("all ratings are ", lowest, ": every interaction counts")};
  }
  if (highest > kTopOfScales) {
    return {
        lowest, false,
        absl::StrCat(range, ", which are counts rather than a scale: every interaction counts")};
  }
  if (distinct.size() == 2 && highest == 1 && (lowest == 0 || lowest == -1)) {
    return {1, true, absl::StrCat("ratings are ", lowest, " and 1: only 1 counts")};
  }
  // Tenths of a scale are not exact in binary: 0.8 * 1.
  const double threshold = std::round(kLiked * TopOf(highest) * 1e6) / 1e6;
  return {threshold, false,
          absl::StrCat(range, ": ", threshold,
                       " and more, the upper fifth of the scale, counts as liked")};
}

}  // namespace recsae::probe
