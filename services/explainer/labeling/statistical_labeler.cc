#include "services/explainer/labeling/statistical_labeler.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace recsae::explainer {
namespace {

// Descriptions name this many of each kind; the prediction uses all terms.
constexpr size_t kNamedTerms = 4;
constexpr size_t kNamedTitles = 3;

double Logit(double p) { return std::log(p / (1 - p)); }

double Weight(const ConstructionCase& item) { return 0.5 + 0.05 * item.level; }

// The cut between two groups of scores that classifies best: highest mean of both rates, in the
// middle of the widest such gap.
double BestCut(const std::vector<double>& positives, const std::vector<double>& others) {
  std::vector<std::pair<double, int>> all;
  all.reserve(positives.size() + others.size());
  for (const double score : positives) all.emplace_back(score, 1);
  for (const double score : others) all.emplace_back(score, 0);
  std::sort(all.begin(), all.end());
  const double per_positive = 1.0 / static_cast<double>(positives.size() + 1);
  const double per_other = 1.0 / static_cast<double>(others.size() + 1);
  double gain = 0;  // true-negative rate less false-negative rate, cutting below all[i]
  double best_gain = 0;
  double best_cut = all.front().first - 1e-6;
  double best_gap = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    gain += all[i].second == 1 ? -per_positive : per_other;
    const double gap = i + 1 < all.size() ? all[i + 1].first - all[i].first : 1e-6;
    if (gap <= 0) continue;
    if (gain > best_gain + 1e-12 || (gain > best_gain - 1e-12 && gap > best_gap)) {
      best_gain = gain;
      best_gap = gap;
      best_cut = all[i].first + gap / 2;
    }
  }
  return best_cut;
}

}  // namespace

double Description::Level(double score) const {
  if (terms.empty()) return 0;
  const double reach = std::max(positive_score - threshold, 1e-9);
  return std::clamp(5.0 + 4.0 * (score - threshold) / reach, 0.0, 10.0);
}

float ShareOf(const Profile& profile, int32_t feature) {
  const auto at = std::lower_bound(profile.begin(), profile.end(), std::pair(feature, -1.0f));
  return at != profile.end() && at->first == feature ? at->second : 0.0f;
}

StatisticalLabeler::StatisticalLabeler(const ItemFeatures& features, std::vector<double> background,
                                       const LabelerOptions& options)
    : features_(features), background_(std::move(background)), options_(options) {
  for (double& share : background_) share = std::clamp(share, 1e-6, 1 - 1e-6);
}

StatisticalLabeler::Counts StatisticalLabeler::Count(
    std::span<const ConstructionCase> cases) const {
  Counts counts;
  for (const ConstructionCase& item : cases) {
    const double draws = options_.draws_per_case * Weight(item);
    counts.draws += draws;
    for (const auto& [feature, share] : *item.profile) {
      counts.weighted.emplace_back(feature, static_cast<float>(share * draws));
    }
  }
  Profile& all = counts.weighted;
  std::sort(all.begin(), all.end());
  size_t kept = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (kept > 0 && all[kept - 1].first == all[i].first) {
      all[kept - 1].second += all[i].second;
    } else {
      all[kept++] = all[i];
    }
  }
  all.resize(kept);
  return counts;
}

DescriptionTerm StatisticalLabeler::Weigh(int32_t feature, double draws_with, double draws) const {
  const double background = background_[static_cast<size_t>(feature)];
  const double with = std::max(draws_with, 0.0) + options_.prior_draws * background;
  const double without = std::max(draws + options_.prior_draws - with, 1e-3);
  const double log_odds = std::log(with / without) - Logit(background);
  return {feature, log_odds, log_odds / std::sqrt(1 / with + 1 / without)};
}

bool StatisticalLabeler::SpeaksOfOneItem(int32_t feature, double draws_with,
                                         const Counts& counts) const {
  if (features_.feature(feature).kind != "word") return false;
  for (const int32_t item : features_.ItemsOf(feature)) {
    const int32_t title = features_.TitleOf(item);
    if (title >= 0 && ShareOf(counts.weighted, title) > options_.one_item * draws_with) return true;
  }
  return false;
}

bool StatisticalLabeler::Redundant(int32_t feature, std::span<const DescriptionTerm> chosen) const {
  const std::span<const int32_t> items = features_.ItemsOf(feature);
  for (const DescriptionTerm& term : chosen) {
    const std::span<const int32_t> others = features_.ItemsOf(term.feature);
    std::vector<int32_t> both;
    std::set_intersection(items.begin(), items.end(), others.begin(), others.end(),
                          std::back_inserter(both));
    const double either = static_cast<double>(items.size() + others.size() - both.size());
    if (static_cast<double>(both.size()) > options_.redundant_overlap * either) return true;
  }
  return false;
}

std::vector<DescriptionTerm> StatisticalLabeler::ChooseTerms(
    std::span<const ConstructionCase> cases, const Counts& counts) const {
  std::vector<DescriptionTerm> candidates;
  for (const auto& [feature, draws_with] : counts.weighted) {
    const DescriptionTerm term = Weigh(feature, draws_with, counts.draws);
    if (term.z < options_.min_z || SpeaksOfOneItem(feature, draws_with, counts)) continue;
    const auto support = std::count_if(cases.begin(), cases.end(), [&](const auto& item) {
      return ShareOf(*item.profile, term.feature) > 0;
    });
    if (support >= 2 || cases.size() < 2) candidates.push_back(term);
  }
  std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    return a.z != b.z ? a.z > b.z : a.feature < b.feature;
  });
  std::vector<DescriptionTerm> chosen;
  for (const DescriptionTerm& term : candidates) {
    if (static_cast<int>(chosen.size()) >= options_.max_terms) break;
    if (!Redundant(term.feature, chosen)) chosen.push_back(term);
  }
  return chosen;
}

std::vector<double> StatisticalLabeler::OwnScores(std::span<const ConstructionCase> cases,
                                                  const Counts& counts,
                                                  const Description& description) const {
  std::vector<double> scores;
  for (const ConstructionCase& item : cases) {
    const double draws = cases.size() > 1 ? options_.draws_per_case * Weight(item) : 0;
    double score = 0;
    for (const DescriptionTerm& term : description.terms) {
      const double share = ShareOf(*item.profile, term.feature);
      const double with = ShareOf(counts.weighted, term.feature) - share * draws;
      score += share * std::max(Weigh(term.feature, with, counts.draws - draws).log_odds, 0.0);
    }
    scores.push_back(score);
  }
  return scores;
}

std::string StatisticalLabeler::Text(std::span<const DescriptionTerm> terms) const {
  std::string text;
  std::string titles;
  size_t named = 0;
  size_t named_titles = 0;
  for (const DescriptionTerm& term : terms) {
    const Feature& feature = features_.feature(term.feature);
    if (feature.kind == "title") {
      if (named_titles++ < kNamedTitles) titles += (titles.empty() ? "" : ", ") + feature.text;
    } else if (named++ < kNamedTerms) {
      text += text.empty() ? "" : ", ";
      text += feature.kind == "word" ? "\"" + feature.text + "\"" : feature.text;
    }
  }
  if (titles.empty()) return text;
  return text.empty() ? "like " + titles : text + "; like " + titles;
}

Description StatisticalLabeler::Describe(std::span<const ConstructionCase> cases,
                                         std::span<const Profile* const> others) const {
  Description description;
  if (cases.empty()) return description;
  const Counts counts = Count(cases);
  description.terms = ChooseTerms(cases, counts);
  if (description.terms.empty()) return description;
  description.text = Text(description.terms);
  std::vector<double> negatives;
  negatives.reserve(others.size());
  for (const Profile* profile : others) negatives.push_back(Score(description, *profile));
  const std::vector<double> positives = OwnScores(cases, counts, description);
  description.threshold = BestCut(positives, negatives);
  double sum = 0;
  for (const double score : positives) sum += score;
  description.positive_score =
      std::max(sum / static_cast<double>(positives.size()), description.threshold + 1e-6);
  return description;
}

double StatisticalLabeler::Score(const Description& description, const Profile& profile) const {
  double score = 0;
  for (const DescriptionTerm& term : description.terms) {
    score += term.log_odds * ShareOf(profile, term.feature);
  }
  return score;
}

}  // namespace recsae::explainer
