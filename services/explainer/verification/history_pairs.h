// Pairs of real histories of which one has more of a set's items: does a latent fire more for it?
#ifndef SERVICES_EXPLAINER_VERIFICATION_HISTORY_PAIRS_H_
#define SERVICES_EXPLAINER_VERIFICATION_HISTORY_PAIRS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "services/explainer/evidence/sample.h"
#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {

// Rows of two users alike in the popularity and the order (age) of what they saw, as far as the set
// is not about these.
struct HistoryPair {
  int64_t more = 0;  // row whose history has more of the set
  int64_t less = 0;
};

inline constexpr int kMostPairs = 200;
// By how much of the history the two differ at least.
inline constexpr double kLeastDifference = 0.1;

// Thread-safe.
class HistoryPairs {
 public:
  // Takes the first row of each user, of at most 1,000. `popularity`: of items, in any unit; empty
  // = not known. All outlive it.
  HistoryPairs(const SampledRows& rows, const ItemSets& sets, std::span<const double> popularity);

  // None twice, no user twice, at most kMostPairs.
  std::vector<HistoryPair> Of(int32_t set) const;

 private:
  struct User {
    int64_t row = 0;
    double popularity = 0;  // both in standard deviations over the users; 0 where not known
    double order = 0;
  };

  double Share(const User& user, int32_t set) const;

  const SampledRows& rows_;
  const ItemSets& sets_;
  std::vector<User> users_;
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_HISTORY_PAIRS_H_
