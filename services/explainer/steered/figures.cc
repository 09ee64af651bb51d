#include "services/explainer/steered/figures.h"

#include <cmath>
#include <cstddef>
#include <set>
#include <utility>

namespace recsae::explainer {

FigureMaker::FigureMaker(const SteeredRows& rows, const Attributes& attributes,
                         const ItemPopularity& popularity, std::span<const int32_t> withheld,
                         const Lists& unsteered)
    : rows_(rows),
      attributes_(attributes),
      popularity_(popularity),
      withheld_(withheld),
      unsteered_(unsteered),
      users_(rows.Users()),
      unsteered_gains_(unsteered.Gains()),
      unsteered_shares_(AllShares(unsteered)) {}

Figures FigureMaker::Make(const Lists& lists, int attribute) const {
  Figures figures;
  const std::vector<double> gains = lists.Gains();
  figures.ndcg = MeanOverUsers(gains, users_);
  figures.ndcg_kept = RatioOverUsers(gains, unsteered_gains_, users_);
  const double share = 1 / static_cast<double>(lists.ranks.size());
  for (const int64_t rank : lists.ranks) {
    figures.hr += rank > 0 && rank <= kListLength ? share : 0;
    figures.mrr += rank > 0 ? share / static_cast<double>(rank) : 0;
  }
  ListQuality quality(popularity_, attributes_.of_items(), {withheld_.data(), withheld_.size()});
  for (const std::vector<int32_t>& ten : lists.tens) quality.Add(ten);
  figures.coverage = quality.coverage();
  figures.gini = quality.gini();
  figures.long_tail_share = quality.tail_share().value_or(0);
  figures.novelty = quality.novelty().value_or(0);
  figures.intra_list_diversity = quality.diversity().value_or(0);
  figures.inter_list_diversity =
      InterListDiversity(lists, static_cast<int>(attributes_.of_items().size()));
  if (attribute < 0) return figures;
  figures.share = MeanOverUsers(SharesOf(lists, attribute), users_);
  figures.share_change = ShareChange(lists, attribute);
  const std::vector<double> shares = AllShares(lists);
  for (int other = 0; other < attributes_.size(); ++other) {
    const auto i = static_cast<size_t>(other);
    const double change = shares[i] - unsteered_shares_[i];
    if (other == attribute || std::abs(change) <= std::abs(figures.side_change)) continue;
    figures.side_attribute = other;
    figures.side_change = change;
  }
  return figures;
}

double FigureMaker::Share(const Lists& lists, int attribute) const {
  double sum = 0;
  for (const std::vector<int32_t>& ten : lists.tens) sum += attributes_.ShareOf(ten, attribute);
  return sum / static_cast<double>(lists.tens.size());
}

Estimate FigureMaker::ShareChange(const Lists& lists, int attribute) const {
  return MeanOverUsers(Differences(SharesOf(lists, attribute), SharesOf(unsteered_, attribute)),
                       users_);
}

Estimate FigureMaker::GainDifference(const Lists& a, const Lists& b) const {
  return MeanOverUsers(Differences(a.Gains(), b.Gains()), users_);
}

std::vector<double> FigureMaker::SharesOf(const Lists& lists, int attribute) const {
  std::vector<double> shares;
  shares.reserve(lists.tens.size());
  for (const std::vector<int32_t>& ten : lists.tens) {
    shares.push_back(attributes_.ShareOf(ten, attribute));
  }
  return shares;
}

std::vector<double> FigureMaker::AllShares(const Lists& lists) const {
  std::vector<double> shares(static_cast<size_t>(attributes_.size()));
  std::vector<double> counts;
  for (const std::vector<int32_t>& ten : lists.tens) {
    if (ten.empty()) continue;
    counts.assign(shares.size(), 0.0);
    attributes_.Count(ten, counts);
    const double each = 1 / static_cast<double>(ten.size() * lists.tens.size());
    for (size_t i = 0; i < shares.size(); ++i) shares[i] += each * counts[i];
  }
  return shares;
}

ItemPopularity PopularityAmong(const SteeredRows& rows, int items) {
  std::set<std::pair<int32_t, int32_t>> had;  // item, user
  for (const SteeredCase& row : rows.cases) {
    for (const int32_t item : row.history) had.emplace(item, row.user);
  }
  std::vector<int64_t> counts(static_cast<size_t>(items));
  for (const auto& [item, user] : had) ++counts[static_cast<size_t>(item)];
  return ItemPopularity(counts);
}

}  // namespace recsae::explainer
