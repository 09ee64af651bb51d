// Which set of items tells best what each latent of a dictionary fires for, and what that tells of
// the scores of users who had no part in the choice.
#ifndef SERVICES_EXPLAINER_EVIDENCE_DESCRIBED_H_
#define SERVICES_EXPLAINER_EVIDENCE_DESCRIBED_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ranking/prediction_head.h"
#include "services/explainer/evidence/dictionary.h"
#include "services/explainer/evidence/sample.h"
#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {

// Items at the end of a history that speak as read (Speaking::Items::kRead).
inline constexpr size_t kReadItems = 10;

// Share that each set holds of those items of a case that speak; 0 for sets that are
// not touched().
class SetShares {
 public:
  explicit SetShares(const ItemSets& sets, const Speaking& speaking = {})
      : sets_(sets), speaking_(speaking), shares_(static_cast<size_t>(sets.size())) {}

  // Whether any item speaks.
  bool Of(const Case& from);
  float share(int32_t set) const { return shares_[static_cast<size_t>(set)]; }
  std::span<const int32_t> touched() const { return touched_; }

 private:
  const ItemSets& sets_;
  Speaking speaking_;
  std::vector<float> shares_;
  std::vector<int32_t> touched_;
};

// What is predicted of a latent: intercept + slope * share of `set`, not below 0 unless the
// dictionary is signed. set < 0: nothing tells it, and its mean is predicted.
struct SetDescription {
  int32_t set = -1;
  double correlation = 0;  // on the users who describe, by the items that describe
  double slope = 0;
  double intercept = 0;
};

// Of a variable over some rows.
struct MomentSums {
  double sum = 0;
  double squares = 0;
};

// Pearson correlation of two variables over n rows, from their sums and that of their products; 0
// where one of the two does not vary.
double Pearson(double n, const MomentSums& y, const MomentSums& z, double products);

// Pearson correlations of all sets' shares with all latents' codes, and what they are made of.
struct Association {
  int64_t rows = 0;
  int sets = 0;
  int latents = 0;
  std::vector<double> set_sum, set_squares;        // [sets]
  std::vector<int32_t> set_rows;                   // rows with a share above 0
  std::vector<double> set_items;                   // see EffectiveItems
  std::vector<double> latent_sum, latent_squares;  // [latents]
  std::vector<float> products;                     // [latents, sets]

  double Correlation(int latent, int32_t set) const;
  double Covariance(int latent, int32_t set) const;
};

// How many items each set consists of in the recommendations of these rows, weighed by how often
// they are there (inverse Simpson index); where half of the items speak, twice as many as those of
// them. What is recommended is a function of the activation, so that any latent tells well which
// items it recommends: a set that is one or two items in practice describes nothing, even of an
// untrained recommender.
std::vector<double> EffectiveItems(const SampledRows& rows, const ItemSets& sets,
                                   const Speaking& speaking);

// Over all rows in which an item speaks; `codes` are those of all rows.
absl::StatusOr<Association> Associate(const SampledRows& rows, const sae::SparseCodes& codes,
                                      int latents, const ItemSets& sets, const Speaking& speaking,
                                      Alive alive);

// For each latent the set that goes best with it, among those that at least 20 rows have to do with
// and that are at least kFewestItems effective items: the highest correlation, of a signed
// dictionary the highest amount; but a set of fewer terms that comes within 10 % of it. The lines
// are still to be fitted.
std::vector<SetDescription> Describe(const Association& association, const ItemSets& sets,
                                     bool is_signed);

inline constexpr double kFewestItems = 8;

// Slopes and intercepts, by least squares over all rows and all recommended items.
absl::Status FitLines(const SampledRows& rows, const sae::SparseCodes& codes, const ItemSets& sets,
                      std::vector<SetDescription>& descriptions, Alive alive);

// The rows of `sample`'s users who describe decide; items that test have no say in which set is
// chosen. `codes`: of those rows.
absl::StatusOr<std::vector<SetDescription>> DescribeLatents(const Association& association,
                                                            const SampledRows& rows,
                                                            const sae::SparseCodes& codes,
                                                            const ItemSets& sets, bool is_signed,
                                                            Alive alive);

// Described R2@1, @3, @5 and of all latents (see DescribedR2 in explainer.proto).
using DescribedR2 = std::array<double, 4>;
struct DescribedScores {
  DescribedR2 shown = {};   // for the recommended items
  DescribedR2 random = {};  // for `items`
};

// On rows of users who had no part in `descriptions`; of large dictionaries on every n-th row,
// so that it takes some 10^11 operations at most. `items`: a random sample of the catalogue.
absl::StatusOr<DescribedScores> MeasureDescribed(const SampledRows& rows,
                                                 const sae::SparseCodes& codes,
                                                 const Dictionary& dictionary,
                                                 std::span<const SetDescription> descriptions,
                                                 const ItemSets& sets, const PredictionHead& head,
                                                 std::span<const int32_t> items, Alive alive);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_EVIDENCE_DESCRIBED_H_
