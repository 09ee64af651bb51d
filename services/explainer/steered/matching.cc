#include "services/explainer/steered/matching.h"

#include <cmath>

#include "common/base/status.h"

namespace recsae::explainer {
namespace {

constexpr double kGrowth = 2;
constexpr int kBisections = 8;
constexpr double kTolerance = 0.01;

}  // namespace

absl::StatusOr<MatchedLength> FindLength(
    absl::FunctionRef<absl::StatusOr<double>(double length)> effect, double wanted, double first,
    double most) {
  MatchedLength best;
  double short_of = 0;
  double length = first;
  while (length <= most) {
    RECSAE_ASSIGN_OR_RETURN(const double reached, effect(length));
    if (reached >= wanted) {
      best = {true, length, reached};
      break;
    }
    if (best.length == 0 || reached > best.effect) best = {false, length, reached};
    short_of = length;
    length *= kGrowth;
  }
  if (!best.reached) return best;
  for (int i = 0; i < kBisections && best.effect > (1 + kTolerance) * wanted; ++i) {
    const double middle = (short_of + best.length) / 2;
    RECSAE_ASSIGN_OR_RETURN(const double reached, effect(middle));
    if (reached >= wanted) {
      best = {true, middle, reached};
    } else {
      short_of = middle;
    }
  }
  return best;
}

}  // namespace recsae::explainer
