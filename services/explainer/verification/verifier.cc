#include "services/explainer/verification/verifier.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <utility>

#include "common/base/status.h"
#include "services/explainer/labeling/roles.h"
#include "services/explainer/verification/statistics.h"

namespace recsae::explainer {
namespace {

// Small, so that a cancel is heard soon: in latents, in cases, and in answers of single
// descriptions.
constexpr int kProgressEvery = 4;
constexpr int kCasesBetweenChecks = 1024;
constexpr size_t kAnswersBetweenChecks = 1 << 21;
constexpr double kSameCosine = 0.5;
// A concept judged on fewer cases, or against fewer other descriptions, is not verified, however
// right it was.
constexpr int kFewestCases = 20;
constexpr size_t kFewestOthers = 10;

double Ratio(int part, int whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

FiringStatistics Statistics(const CaseTable& cases, int latent) {
  FiringStatistics statistics;
  const std::span<const ActiveCase> active = cases.Active(latent);
  statistics.rows = cases.size();
  statistics.active_rows = static_cast<int64_t>(active.size());
  if (active.empty()) return statistics;
  const double n = static_cast<double>(active.size());
  for (const ActiveCase& item : active) statistics.mean += item.activation / n;
  for (const ActiveCase& item : active) {
    statistics.standard_deviation += std::pow(item.activation - statistics.mean, 2) / n;
  }
  statistics.standard_deviation = std::sqrt(statistics.standard_deviation);
  statistics.max = active.front().activation;
  for (int level = 1; level < 10; ++level) {
    statistics.level_thresholds.push_back(statistics.max * level / 10);
  }
  return statistics;
}

// Descriptions that answer about cases, all at once.
class Judges {
 public:
  Judges(std::vector<Description> descriptions, int features)
      : descriptions_(std::move(descriptions)), index_(descriptions_, features) {
    for (const Description& description : descriptions_) {
      double sum = 0;
      for (const DescriptionTerm& term : description.terms) sum += term.z * term.z;
      norms_.push_back(std::sqrt(sum));
    }
  }

  // Adds to `tallies` (by description) what each says of a case; returns what `own` scores it.
  double Answer(const Profile& profile, bool activated, size_t own,
                std::vector<Tally>& tallies) const {
    std::vector<float> scores;
    index_.Score(profile, scores);
    for (size_t i = 0; i < scores.size(); ++i) {
      const bool predicted = descriptions_[i].Predicts(scores[i]);
      if (activated) {
        ++(predicted ? tallies[i].true_positives : tallies[i].false_negatives);
      } else {
        ++(predicted ? tallies[i].false_positives : tallies[i].true_negatives);
      }
    }
    return scores[own];
  }

  // Whether two descriptions say nearly the same: cosine of their terms' z-scores above
  // kSameCosine. One that does is no control for the other.
  std::vector<bool> SayTheSame(size_t own) const {
    std::unordered_map<int32_t, double> mine;
    for (const DescriptionTerm& term : descriptions_[own].terms) mine[term.feature] = term.z;
    std::vector<bool> same(descriptions_.size());
    for (size_t i = 0; i < descriptions_.size(); ++i) {
      double dot = 0;
      for (const DescriptionTerm& term : descriptions_[i].terms) {
        const auto at = mine.find(term.feature);
        if (at != mine.end()) dot += at->second * term.z;
      }
      same[i] = dot > kSameCosine * norms_[own] * norms_[i];
    }
    return same;
  }

  size_t size() const { return descriptions_.size(); }

 private:
  std::vector<Description> descriptions_;
  DescriptionIndex index_;
  std::vector<double> norms_;  // of the terms' z-scores
};

// Everything that is needed to describe and judge, for all latents.
class Verifier {
 public:
  using Alive = std::function<absl::Status()>;

  Verifier(const CaseTable& cases, const ItemFeatures& features, const VerifierOptions& options)
      : cases_(cases),
        features_(features),
        options_(options),
        selector_(cases, options.selection),
        results_(static_cast<size_t>(cases.latents())),
        selections_(results_.size()) {}

  absl::StatusOr<std::vector<LatentResult>> Run(const VerifierProgress& progress) {
    // Describing and judging take about as long as each other: half the progress each.
    const int latents = cases_.latents();
    RECSAE_ASSIGN_OR_RETURN(std::vector<double> background, Background(Items::kAll, progress));
    paper_labeler_.emplace(features_, std::move(background), options_.labeler);
    RECSAE_ASSIGN_OR_RETURN(background, Background(Items::kDescribing, progress));
    labeler_.emplace(features_, std::move(background), options_.extended_labeler);
    for (int latent = 0; latent < latents; ++latent) {
      Describe(latent);
      if (latent % kProgressEvery == 0) {
        RECSAE_RETURN_IF_ERROR(progress(latent / 2, latents));
      }
    }
    const Judges paper(std::move(paper_descriptions_), features_.size());
    const Judges extended(std::move(descriptions_), features_.size());
    RECSAE_RETURN_IF_ERROR(Deal(extended, progress));
    for (size_t i = 0; i < described_.size(); ++i) {
      const auto done = static_cast<int>(latents / 2 + i * static_cast<size_t>(latents) /
                                                           (2 * described_.size()));
      const auto alive = [&] { return progress(done, latents); };
      RECSAE_RETURN_IF_ERROR(JudgeLatent(i, paper, extended, alive));
      if (i % kProgressEvery == 0) RECSAE_RETURN_IF_ERROR(alive());
    }
    Verify();
    RECSAE_RETURN_IF_ERROR(progress(latents, latents));
    return std::move(results_);
  }

 private:
  // Which items of a case speak.
  enum class Items { kAll, kDescribing, kTesting };

  // A latent and what two descriptions are worth on its cases, standardized: its own and the one
  // that was dealt to it.
  struct Judged {
    LatentResult* result;
    double own;
    double dealt;
  };

  // The mean share of each feature over all cases.
  absl::StatusOr<std::vector<double>> Background(Items items,
                                                 const VerifierProgress& progress) const {
    std::vector<double> background(static_cast<size_t>(features_.size()));
    for (int i = 0; i < cases_.size(); ++i) {
      if (i % kCasesBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(progress(0, cases_.latents()));
      for (const auto& [feature, share] : ProfileOf(i, items)) {
        background[static_cast<size_t>(feature)] += share;
      }
    }
    for (double& share : background) share /= std::max(cases_.size(), 1);
    return background;
  }

  Profile ProfileOf(int32_t index, Items items) const {
    return MakeProfile(cases_.at(index), features_, options_.profile, [&](int32_t item) {
      return items == Items::kAll ||
             DescribesItem(options_.selection.seed, item) == (items == Items::kDescribing);
    });
  }

  std::vector<Profile> ProfilesOf(const std::vector<int32_t>& indices, Items items) const {
    std::vector<Profile> profiles;
    profiles.reserve(indices.size());
    for (const int32_t index : indices) profiles.push_back(ProfileOf(index, items));
    return profiles;
  }

  void Describe(int latent) {
    LatentResult& result = results_[static_cast<size_t>(latent)];
    CaseSelection& selection = selections_[static_cast<size_t>(latent)];
    result.statistics = Statistics(cases_, latent);
    const std::span<const ActiveCase> active = cases_.Active(latent);
    const size_t evidence = std::min(active.size(), static_cast<size_t>(options_.evidence));
    result.evidence.assign(active.begin(), active.begin() + static_cast<std::ptrdiff_t>(evidence));
    if (active.empty()) return;

    result.outcome = LatentResult::Outcome::kTooRare;
    selection = selector_.Select(latent);
    if (selection.construction.empty()) return;
    result.description = DescribeFrom(latent, *labeler_, selection.construction, Items::kDescribing,
                                      selection.threshold_positives, Items::kTesting);
    if (result.description.terms.empty()) return;
    result.paper_description = DescribeFrom(latent, *paper_labeler_, selection.paper_construction,
                                            Items::kAll, {}, Items::kAll);
    result.outcome = LatentResult::Outcome::kDescribed;
    described_.push_back(latent);
    descriptions_.push_back(result.description);
    paper_descriptions_.push_back(result.paper_description);
  }

  // By the items `describing` of the construction cases; the threshold by the items `testing` of
  // cases that do not activate the latent and of `active`, which do.
  Description DescribeFrom(int latent, const StatisticalLabeler& labeler,
                           const std::vector<int32_t>& construction, Items describing,
                           const std::vector<int32_t>& active, Items testing) const {
    const std::vector<Profile> profiles = ProfilesOf(construction, describing);
    const std::vector<Profile> others =
        ProfilesOf(selector_.Background(latent, options_.threshold_cases), testing);
    const std::vector<Profile> activated = ProfilesOf(active, testing);
    std::vector<ConstructionCase> cases;
    const FiringStatistics& statistics = results_[static_cast<size_t>(latent)].statistics;
    for (size_t i = 0; i < profiles.size(); ++i) {
      const float activation = cases_.Activation(construction[i], latent);
      cases.push_back({&profiles[i], IntensityLevel(activation, statistics)});
    }
    return labeler.Describe(cases, PointersTo(others), PointersTo(activated));
  }

  static std::vector<const Profile*> PointersTo(const std::vector<Profile>& profiles) {
    std::vector<const Profile*> pointers;
    pointers.reserve(profiles.size());
    for (const Profile& profile : profiles) pointers.push_back(&profile);
    return pointers;
  }

  // Gives every described latent the description of another one, the next along a fixed
  // pseudo-random order that says something else.
  absl::Status Deal(const Judges& judges, const VerifierProgress& progress) {
    std::vector<std::pair<uint64_t, size_t>> order;
    for (size_t i = 0; i < described_.size(); ++i) {
      order.emplace_back((static_cast<uint64_t>(described_[i]) + 1 + options_.selection.seed) *
                             0x9E3779B97F4A7C15u,
                         i);
    }
    std::sort(order.begin(), order.end());
    dealt_.resize(order.size());
    for (size_t i = 0; i < order.size(); ++i) {
      if (i % kProgressEvery == 0) {
        RECSAE_RETURN_IF_ERROR(progress(cases_.latents() / 2, cases_.latents()));
      }
      const size_t own = order[i].second;
      const std::vector<bool> same = judges.SayTheSame(own);
      size_t step = 1;
      while (step + 1 < order.size() && same[order[(i + step) % order.size()].second]) ++step;
      dealt_[own] = order[(i + step) % order.size()].second;
    }
    return absl::OkStatus();
  }

  // What all judges say of some cases of one latent; the scores of its own description go to
  // `positives` and `negatives`.
  absl::StatusOr<std::vector<Tally>> Ask(const Judges& judges, size_t own,
                                         const std::vector<int32_t>& activated,
                                         const std::vector<int32_t>& others, Items items,
                                         const Alive& alive, std::vector<double>& positives,
                                         std::vector<double>& negatives) const {
    std::vector<Tally> tallies(judges.size());
    size_t answers = 0;
    for (const bool active : {true, false}) {
      for (const int32_t index : active ? activated : others) {
        (active ? positives : negatives)
            .push_back(judges.Answer(ProfileOf(index, items), active, own, tallies));
        answers += judges.size();
        if (answers < kAnswersBetweenChecks) continue;
        answers = 0;
        RECSAE_RETURN_IF_ERROR(alive());
      }
    }
    return tallies;
  }

  absl::Status JudgeLatent(size_t own, const Judges& paper, const Judges& extended,
                           const Alive& alive) {
    const auto latent = static_cast<size_t>(described_[own]);
    LatentResult& result = results_[latent];
    const CaseSelection& selection = selections_[latent];

    std::vector<double> positives;
    std::vector<double> negatives;
    RECSAE_ASSIGN_OR_RETURN(std::vector<Tally> tallies,
                            Ask(paper, own, selection.paper_positives, selection.paper_negatives,
                                Items::kAll, alive, positives, negatives));
    result.paper = tallies[own];
    result.paper_control = tallies[dealt_[own]];

    positives.clear();
    negatives.clear();
    RECSAE_ASSIGN_OR_RETURN(
        tallies, Ask(extended, own, selection.extended_positives, selection.extended_negatives,
                     Items::kTesting, alive, positives, negatives));
    result.extended = tallies[own];
    result.extended_control = tallies[dealt_[own]];
    result.hard_negatives = selection.hard_negatives;
    result.auc = RocAuc(positives, negatives);
    Compare(own, extended.SayTheSame(own), tallies, result);
    return absl::OkStatus();
  }

  // Adds to the control what descriptions that say something else are worth on these cases.
  void Compare(size_t own, const std::vector<bool>& same, const std::vector<Tally>& tallies,
               LatentResult& result) {
    if (result.extended.cases() < kFewestCases) return;
    std::vector<double> others;
    std::vector<int> right;
    for (size_t i = 0; i < tallies.size(); ++i) {
      if (i == own || same[i]) continue;
      others.push_back(tallies[i].Confidence());
      right.push_back(tallies[i].correct());
    }
    if (others.size() < kFewestOthers) return;
    const Standardizer standardizer(others, result.extended.cases());
    result.control_confidence = standardizer.mean();
    control_.Add(standardizer, result.extended.cases(), right);
    judged_.push_back({&result, standardizer(result.extended.Confidence()),
                       standardizer(result.extended_control.Confidence())});
  }

  // Which p-values hold out against the number of latents.
  void Verify() {
    std::vector<double> own;
    std::vector<double> dealt;
    for (const Judged& judged : judged_) {
      own.push_back(judged.own);
      dealt.push_back(judged.dealt);
    }
    own = control_.PValues(own);
    dealt = control_.PValues(dealt);
    const std::vector<double> q_values = BenjaminiHochberg(own);
    const std::vector<double> dealt_q = BenjaminiHochberg(dealt);
    for (size_t i = 0; i < judged_.size(); ++i) {
      LatentResult& result = *judged_[i].result;
      result.p_value = own[i];
      result.q_value = q_values[i];
      result.verified = q_values[i] <= options_.false_discovery_rate;
      result.verified_control = dealt_q[i] <= options_.false_discovery_rate;
    }
  }

  const CaseTable& cases_;
  const ItemFeatures& features_;
  const VerifierOptions& options_;
  CaseSelector selector_;
  std::optional<StatisticalLabeler> paper_labeler_;  // set by Run, as is
  std::optional<StatisticalLabeler> labeler_;        // of the larger protocol
  std::vector<LatentResult> results_;                // by latent
  std::vector<CaseSelection> selections_;            // by latent
  std::vector<int> described_;             // latents with a description, and below, in this order,
  std::vector<Description> descriptions_;  // what they are
  std::vector<Description> paper_descriptions_;  // by the paper's construction cases alone
  std::vector<size_t> dealt_;                    // and whose each is dealt in the control
  std::vector<Judged> judged_;                   // compared with the control, and
  PooledControl control_;                        // the worth of others' descriptions, see Compare
};

}  // namespace

double Tally::Confidence() const { return Ratio(correct(), cases()); }
double Tally::Precision() const { return Ratio(true_positives, true_positives + false_positives); }
double Tally::Recall() const { return Ratio(true_positives, true_positives + false_negatives); }

int IntensityLevel(double activation, const FiringStatistics& statistics) {
  if (!(activation > 0)) return 0;
  int level = 1;
  for (const double threshold : statistics.level_thresholds) level += activation > threshold;
  return level;
}

absl::StatusOr<std::vector<LatentResult>> DescribeAndVerify(const CaseTable& cases,
                                                            const ItemFeatures& features,
                                                            const VerifierOptions& options,
                                                            const VerifierProgress& progress) {
  return Verifier(cases, features, options).Run(progress);
}

}  // namespace recsae::explainer
