// What lists of steered activations are like, beside those without steering.
#ifndef RECSAE_SERVICES_EXPLAINER_STEERED_FIGURES_H_
#define RECSAE_SERVICES_EXPLAINER_STEERED_FIGURES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "common/ranking/list_quality.h"
#include "services/explainer/steered/attributes.h"
#include "services/explainer/steered/estimates.h"
#include "services/explainer/steered/lists.h"
#include "services/explainer/steered/rows.h"

namespace recsae::explainer {

// See SteeringFigures in explainer.proto.
struct Figures {
  Estimate share;
  Estimate share_change;
  Estimate ndcg;
  Estimate ndcg_kept;
  double hr = 0;
  double mrr = 0;
  double coverage = 0;
  double gini = 0;
  double long_tail_share = 0;
  double novelty = 0;
  double intra_list_diversity = 0;
  double inter_list_diversity = 0;
  int side_attribute = -1;
  double side_change = 0;
};

// Immutable, thread-safe. All that it is given must outlive it.
class FigureMaker {
 public:
  // `unsteered`: of the same rows. `withheld`: items that are never recommended.
  FigureMaker(const SteeredRows& rows, const Attributes& attributes,
              const ItemPopularity& popularity, std::span<const int32_t> withheld,
              const Lists& unsteered);

  // Without `attribute` (-1) nothing is said of shares and side effects.
  Figures Make(const Lists& lists, int attribute) const;
  // Mean share of the lists' items that have the attribute.
  double Share(const Lists& lists, int attribute) const;
  Estimate ShareChange(const Lists& lists, int attribute) const;
  // NDCG@10 of `a` less that of `b`.
  Estimate GainDifference(const Lists& a, const Lists& b) const;

 private:
  std::vector<double> SharesOf(const Lists& lists, int attribute) const;
  // Of all attributes, the mean over rows.
  std::vector<double> AllShares(const Lists& lists) const;

  const SteeredRows& rows_;
  const Attributes& attributes_;
  const ItemPopularity& popularity_;
  std::span<const int32_t> withheld_;
  const Lists& unsteered_;
  std::vector<int32_t> users_;
  std::vector<double> unsteered_gains_;
  std::vector<double> unsteered_shares_;
};

// How many of the users of `rows` have each item in their history.
ItemPopularity PopularityAmong(const SteeredRows& rows, int items);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_STEERED_FIGURES_H_
