#include "services/explainer/verification/paper_protocol.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

#include "common/base/status.h"
#include "services/explainer/verification/firing.h"

namespace recsae::explainer {
namespace {

// Small, so that a cancel is heard soon: in latents, and in cases.
constexpr int kProgressEvery = 4;
constexpr int kCasesBetweenChecks = 1024;
constexpr double kSameCosine = 0.5;

double Ratio(int part, int whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

class PaperProtocol {
 public:
  PaperProtocol(const CaseTable& cases, const ItemFeatures& features, const PaperOptions& options)
      : cases_(cases),
        features_(features),
        options_(options),
        selector_(cases, options.selection),
        results_(static_cast<size_t>(cases.latents())),
        selections_(results_.size()) {}

  absl::StatusOr<std::vector<PaperResult>> Run(const PaperProgress& progress) {
    const int latents = cases_.latents();
    RECSAE_ASSIGN_OR_RETURN(std::vector<double> background, Background(progress));
    labeler_.emplace(features_, std::move(background), options_.labeler);
    for (int latent = 0; latent < latents; ++latent) {
      Describe(latent);
      if (latent % kProgressEvery == 0) RECSAE_RETURN_IF_ERROR(progress(latent / 2, latents));
    }
    for (size_t i = 0; i < described_.size(); ++i) {
      Judge(described_[i], Dealt(i));
      if (i % kProgressEvery != 0) continue;
      const auto done = i * static_cast<size_t>(latents) / (2 * described_.size());
      RECSAE_RETURN_IF_ERROR(progress(latents / 2 + static_cast<int>(done), latents));
    }
    RECSAE_RETURN_IF_ERROR(progress(latents, latents));
    return std::move(results_);
  }

 private:
  Profile ProfileOf(int32_t index) const {
    return MakeProfile(cases_.at(index), features_, options_.profile);
  }

  // The mean share of each feature over all cases.
  absl::StatusOr<std::vector<double>> Background(const PaperProgress& progress) const {
    std::vector<double> background(static_cast<size_t>(features_.size()));
    for (int i = 0; i < cases_.size(); ++i) {
      if (i % kCasesBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(progress(0, cases_.latents()));
      for (const auto& [feature, share] : ProfileOf(i)) {
        background[static_cast<size_t>(feature)] += share;
      }
    }
    for (double& share : background) share /= std::max(cases_.size(), 1);
    return background;
  }

  void Describe(int latent) {
    const auto at = static_cast<size_t>(latent);
    selections_[at] = selector_.Select(latent);
    const std::vector<int32_t>& construction = selections_[at].construction;
    if (construction.empty()) return;
    const FiringStatistics statistics = FiringOf(cases_, latent);
    std::vector<Profile> profiles;
    profiles.reserve(construction.size());
    for (const int32_t index : construction) profiles.push_back(ProfileOf(index));
    std::vector<ConstructionCase> described;
    for (size_t i = 0; i < profiles.size(); ++i) {
      const float activation = cases_.Activation(construction[i], latent);
      described.push_back({&profiles[i], IntensityLevel(activation, statistics)});
    }
    std::vector<Profile> others;
    for (const int32_t index : selector_.Background(latent, options_.threshold_cases)) {
      others.push_back(ProfileOf(index));
    }
    std::vector<const Profile*> pointers;
    pointers.reserve(others.size());
    for (const Profile& profile : others) pointers.push_back(&profile);
    results_[at].description = labeler_->Describe(described, pointers);
    described_.push_back(at);
  }

  const Description& DescriptionOf(size_t latent) const { return results_[latent].description; }

  // Whether two descriptions say nearly the same: cosine of their terms' z-scores above
  // kSameCosine. One that does is no control for the other.
  bool SayTheSame(size_t a, size_t b) const {
    std::unordered_map<int32_t, double> of_a;
    double norm_a = 0;
    double norm_b = 0;
    double dot = 0;
    for (const DescriptionTerm& term : DescriptionOf(a).terms) {
      of_a[term.feature] = term.z;
      norm_a += term.z * term.z;
    }
    for (const DescriptionTerm& term : DescriptionOf(b).terms) {
      norm_b += term.z * term.z;
      const auto at = of_a.find(term.feature);
      if (at != of_a.end()) dot += at->second * term.z;
    }
    return dot > kSameCosine * std::sqrt(norm_a * norm_b);
  }

  // The latent whose description is dealt to that at `place`: the next of them that says something
  // else, from a place on that depends on the seed; the next of all where none does.
  size_t Dealt(size_t place) const {
    const size_t n = std::max(described_.size(), size_t{1});
    const size_t own = described_[place];
    const size_t shift = 1 + static_cast<size_t>(options_.selection.seed % 97);
    for (size_t step = 0; step < n; ++step) {
      const size_t other = described_[(place + shift + step) % n];
      if (other != own && !SayTheSame(own, other)) return other;
    }
    return described_[(place + 1) % n];
  }

  Tally Ask(const Description& description, const CaseSelection& selection) const {
    Tally tally;
    const auto predicts = [&](int32_t index) {
      return description.Predicts(labeler_->Score(description, ProfileOf(index)));
    };
    for (const int32_t index : selection.positives) {
      ++(predicts(index) ? tally.true_positives : tally.false_negatives);
    }
    for (const int32_t index : selection.negatives) {
      ++(predicts(index) ? tally.false_positives : tally.true_negatives);
    }
    return tally;
  }

  void Judge(size_t latent, size_t dealt) {
    results_[latent].own = Ask(DescriptionOf(latent), selections_[latent]);
    if (dealt != latent) {
      results_[latent].control = Ask(DescriptionOf(dealt), selections_[latent]);
    }
  }

  const CaseTable& cases_;
  const ItemFeatures& features_;
  const PaperOptions& options_;
  CaseSelector selector_;
  std::optional<StatisticalLabeler> labeler_;  // set by Run
  std::vector<PaperResult> results_;           // by latent
  std::vector<CaseSelection> selections_;      // by latent
  std::vector<size_t> described_;              // latents with construction cases
};

}  // namespace

double Tally::Confidence() const { return Ratio(correct(), cases()); }
double Tally::Precision() const { return Ratio(true_positives, true_positives + false_positives); }
double Tally::Recall() const { return Ratio(true_positives, true_positives + false_negatives); }

absl::StatusOr<std::vector<PaperResult>> RunPaperProtocol(const CaseTable& cases,
                                                          const ItemFeatures& features,
                                                          const PaperOptions& options,
                                                          const PaperProgress& progress) {
  return PaperProtocol(cases, features, options).Run(progress);
}

}  // namespace recsae::explainer
