// Describes latents from their cases by statistics alone, and predicts from a description how
// strongly an unseen case activates the latent.
#ifndef SERVICES_EXPLAINER_LABELING_STATISTICAL_LABELER_H_
#define SERVICES_EXPLAINER_LABELING_STATISTICAL_LABELER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "services/explainer/labeling/item_features.h"
#include "services/explainer/labeling/profile.h"

namespace recsae::explainer {

struct LabelerOptions {
  int max_terms = 30;
  // Terms below this z-score are left out: rare noise.
  double min_z = 1.5;
  // How many independent draws of an item a case counts as: its items are alike.
  double draws_per_case = 3;
  // Strength of the prior, in draws. The prior's shape is the background.
  double prior_draws = 10;
  // Two features whose items overlap this much (Jaccard) say the same; the stronger stays.
  double redundant_overlap = 0.6;
  // A title word that the cases owe to a single item by more than this share is left to that item's
  // title.
  double one_item = 0.7;
};

// A feature that the latent's cases have more of than others.
struct DescriptionTerm {
  int32_t feature = 0;
  // Log-odds against the background with an informative Dirichlet prior, and the same divided by
  // its standard error (Monroe, Colaresi, Quinn 2008, "Fightin' Words", eq. 16, 20 and 22).
  double log_odds = 0;
  double z = 0;
};

// What a latent means. `score` of a case = sum over terms of log_odds * share of the case's
// profile.
struct Description {
  std::string text;
  std::vector<DescriptionTerm> terms;  // strongest z first; empty: nothing was found
  double threshold = 0;                // scores above it predict activation
  double positive_score = 1;           // what a typical construction case scores; > threshold

  // 0 to 10; above 5 predicts that the case activates the latent.
  double Level(double score) const;
  bool Predicts(double score) const { return !terms.empty() && score > threshold; }
};

// One case to build a description from.
struct ConstructionCase {
  const Profile* profile;
  int level;  // 1 to 10
};

// Immutable and thread-safe.
class StatisticalLabeler {
 public:
  // `background`: mean share of each feature over all cases. Both outlive the labeler.
  StatisticalLabeler(const ItemFeatures& features, std::vector<double> background,
                     const LabelerOptions& options);

  // `others`: profiles of cases that do not activate the latent. They set the threshold, with the
  // construction cases. Uses nothing else, so that verification cases stay unseen.
  Description Describe(std::span<const ConstructionCase> cases,
                       std::span<const Profile* const> others) const;

  double Score(const Description& description, const Profile& profile) const;

 private:
  struct Counts {
    double draws = 0;  // of all construction cases
    Profile weighted;  // draws that have a feature
  };
  Counts Count(std::span<const ConstructionCase> cases) const;
  DescriptionTerm Weigh(int32_t feature, double draws_with, double draws) const;
  std::vector<DescriptionTerm> ChooseTerms(std::span<const ConstructionCase> cases,
                                           const Counts& counts) const;
  bool SpeaksOfOneItem(int32_t feature, double draws_with, const Counts& counts) const;
  bool Redundant(int32_t feature, std::span<const DescriptionTerm> chosen) const;
  // What the construction cases score, each with its own share in the terms taken out.
  std::vector<double> OwnScores(std::span<const ConstructionCase> cases, const Counts& counts,
                                const Description& description) const;
  std::string Text(std::span<const DescriptionTerm> terms) const;

  const ItemFeatures& features_;
  std::vector<double> background_;
  LabelerOptions options_;
};

// The share of a feature in a profile; 0 when it is not there.
float ShareOf(const Profile& profile, int32_t feature);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_LABELING_STATISTICAL_LABELER_H_
