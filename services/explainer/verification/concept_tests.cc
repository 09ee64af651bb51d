#include "services/explainer/verification/concept_tests.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "services/explainer/evidence/compare.h"
#include "services/explainer/verification/firing_detection.h"
#include "services/explainer/verification/groups.h"
#include "services/explainer/verification/history_pairs.h"
#include "services/explainer/verification/neighbours.h"
#include "services/explainer/verification/pair_correlations.h"
#include "services/explainer/verification/split_half.h"
#include "services/explainer/verification/statistics.h"

namespace recsae::explainer {
namespace {

constexpr uint64_t kNullStream = 51;
// Descriptions of other latents, and random directions, that a latent's description is set against.
constexpr int kNulls = 20;
// Two sets that share more of their items (Jaccard) do not say something else.
constexpr double kSomethingElse = 0.2;
constexpr int kNearest = 5;
// Below which a standard error is rounding.
constexpr double kLeastError = 1e-3;

// Of two sets of rising items: those in both, as a share of those in either (Jaccard).
double Overlap(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  std::vector<int32_t> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  const size_t either = a.size() + b.size() - both.size();
  return either == 0 ? 0 : static_cast<double>(both.size()) / static_cast<double>(either);
}

}  // namespace

bool LatentTests::Passed() const {
  return predictive.passed && (!specific || specific->passed) && (!causal || causal->passed);
}

std::string WhyUntested(const Sample& sample, const ItemSets& sets) {
  for (const Role role : {Role::kDescribe, Role::kMeasure}) {
    const int64_t rows = sample.Of(role).rows();
    if (rows >= kFewestSampledRows) continue;
    return absl::StrFormat(
        "there are too few rows with ranked items to keep the users who describe from those who "
        "test (%d and %d rows; each needs %d): give evidence captures with more users",
        sample.Of(Role::kDescribe).rows(), sample.Of(Role::kMeasure).rows(), kFewestSampledRows);
  }
  if (sets.size() == 0) {
    return "no attribute and no word of a title is shared by enough items to name a set of them: "
           "upload items with attributes";
  }
  return "";
}

absl::StatusOr<ConceptTester> ConceptTester::Create(const Sample& sample, const ItemSets& sets,
                                                    const PredictionHead* head,
                                                    std::span<const double> popularity, int latents,
                                                    int k, Alive alive) {
  ConceptTester tester(sample, sets, head, popularity);
  const int count = std::min(latents, kLargestControl);
  RECSAE_ASSIGN_OR_RETURN(
      tester.random_, RandomDictionary(sample.Of(Role::kDescribe).activations, sample.dim(), count,
                                       std::min(k, count), sample.seed(), alive));
  const SampledRows& measured = sample.Of(Role::kMeasure);
  RECSAE_ASSIGN_OR_RETURN(tester.random_codes_, tester.random_->Encode(measured.activations.data(),
                                                                       measured.rows(), alive));
  RECSAE_ASSIGN_OR_RETURN(tester.factors_, WholeListFactors(measured, sets, sample.seed(), alive));
  return tester;
}

// One dictionary under test.
class ConceptTester::Run {
 public:
  Run(const ConceptTester& tester, const Dictionary& dictionary, Alive alive)
      : tester_(tester),
        dictionary_(dictionary),
        describing_(tester.sample_.Of(Role::kDescribe)),
        measured_(tester.sample_.Of(Role::kMeasure)),
        testing_{Speaking::Items::kTesting, tester.sample_.seed()},
        alive_(alive) {}

  absl::StatusOr<TestedDictionary> Do() {
    result_.kind = dictionary_.kind();
    result_.users = tester_.sample_.Users(Role::kMeasure);
    result_.rows = measured_.rows();
    RECSAE_RETURN_IF_ERROR(Describe());
    result_.tests.resize(result_.descriptions.size());
    RECSAE_RETURN_IF_ERROR(Predict());
    RECSAE_ASSIGN_OR_RETURN(const std::vector<std::vector<Neighbour>> neighbours,
                            FindNeighbours(dictionary_, describing_codes_, kNearest, alive_));
    GroupLatents(neighbours);
    RECSAE_RETURN_IF_ERROR(Specify(neighbours));
    if (tester_.head_ != nullptr) RECSAE_RETURN_IF_ERROR(Cause());
    return std::move(result_);
  }

 private:
  const SetDescription& Of(size_t latent) const { return result_.descriptions[latent]; }
  double Sign(size_t latent) const { return Of(latent).correlation < 0 ? -1 : 1; }

  // A latent of both signs says as much by the one as by the other.
  double Worth(double r) const { return dictionary_.is_signed() ? std::abs(r) : r; }

  absl::Status Describe() {
    RECSAE_ASSIGN_OR_RETURN(describing_codes_, dictionary_.Encode(describing_.activations.data(),
                                                                  describing_.rows(), alive_));
    RECSAE_ASSIGN_OR_RETURN(
        codes_, dictionary_.Encode(measured_.activations.data(), measured_.rows(), alive_));
    RECSAE_ASSIGN_OR_RETURN(
        const Association association,
        Associate(describing_, describing_codes_, dictionary_.latents(), tester_.sets_,
                  {Speaking::Items::kDescribing, tester_.sample_.seed()}, alive_));
    RECSAE_ASSIGN_OR_RETURN(result_.descriptions,
                            DescribeLatents(association, describing_, describing_codes_,
                                            tester_.sets_, dictionary_.is_signed(), alive_));
    for (size_t i = 0; i < result_.descriptions.size(); ++i) {
      if (Of(i).set >= 0) described_.push_back(i);
    }
    return absl::OkStatus();
  }

  // The items of each described set.
  std::map<int32_t, std::vector<int32_t>> Members() const {
    std::map<int32_t, std::vector<int32_t>> members;
    for (const size_t latent : described_) members[Of(latent).set];
    for (int item = 0; item < tester_.sets_.items(); ++item) {
      for (const int32_t set : tester_.sets_.Of(item)) {
        const auto of = members.find(set);
        if (of != members.end()) of->second.push_back(item);
      }
    }
    return members;
  }

  // Descriptions of other latents that say something else.
  std::vector<LatentAndSet> DealtOut(Random& random) const {
    const std::map<int32_t, std::vector<int32_t>> members = Members();
    std::vector<LatentAndSet> pairs;
    for (const size_t latent : described_) {
      int dealt = 0;
      for (int tries = 0; tries < 3 * kNulls && dealt < kNulls; ++tries) {
        const size_t other = described_[random.Below(described_.size())];
        if (Overlap(members.at(Of(latent).set), members.at(Of(other).set)) > kSomethingElse) {
          continue;
        }
        pairs.push_back({static_cast<int32_t>(latent), Of(other).set});
        ++dealt;
      }
    }
    return pairs;
  }

  // With the share of the whole list, from the items that test (WholeListFactors).
  absl::StatusOr<std::vector<PairCorrelation>> CorrelateWhole(
      const sae::SparseCodes& codes, int latents, const std::vector<LatentAndSet>& pairs) const {
    RECSAE_ASSIGN_OR_RETURN(
        std::vector<PairCorrelation> found,
        Correlate(measured_, codes, latents, tester_.sets_, pairs, testing_, alive_));
    for (size_t i = 0; i < found.size(); ++i) {
      found[i].Scale(tester_.factors_[static_cast<size_t>(pairs[i].set)]);
    }
    return found;
  }

  absl::Status Predict() {
    std::vector<LatentAndSet> own;
    for (const size_t latent : described_) {
      own.push_back({static_cast<int32_t>(latent), Of(latent).set});
    }
    RECSAE_ASSIGN_OR_RETURN(own_, CorrelateWhole(codes_, dictionary_.latents(), own));
    Random random(tester_.sample_.seed(), kNullStream);
    RECSAE_ASSIGN_OR_RETURN(const std::vector<PairCorrelation> dealt,
                            CorrelateWhole(codes_, dictionary_.latents(), DealtOut(random)));
    std::vector<LatentAndSet> directions;
    const int random_latents = tester_.random_->latents();
    for (const size_t latent : described_) {
      for (int i = 0; i < kNulls; ++i) {
        directions.push_back(
            {static_cast<int32_t>(random.Below(static_cast<uint64_t>(random_latents))),
             Of(latent).set});
      }
    }
    RECSAE_ASSIGN_OR_RETURN(const std::vector<PairCorrelation> of_random,
                            CorrelateWhole(tester_.random_codes_, random_latents, directions));
    RECSAE_ASSIGN_OR_RETURN(const std::vector<FiringDetection> detections,
                            DetectFirings(measured_, codes_, dictionary_.latents(), tester_.sets_,
                                          own, testing_, alive_));
    WritePredictions(dealt, of_random, detections);
    return absl::OkStatus();
  }

  // In standard errors: what latents that fire rarely reach by chance varies most.
  std::vector<double> Studentized(const std::vector<PairCorrelation>& correlations) const {
    std::vector<double> studentized;
    studentized.reserve(correlations.size());
    for (const PairCorrelation& correlation : correlations) {
      studentized.push_back(Worth(correlation.all) / std::max(correlation.Error(), kLeastError));
    }
    return studentized;
  }

  // The correlation that 95 % of the null stay below.
  double NullBound(const std::vector<PairCorrelation>& null) const {
    if (null.empty()) return 0;
    std::vector<double> values;
    values.reserve(null.size());
    for (const PairCorrelation& correlation : null) {
      values.push_back(Worth(correlation.all));
    }
    const auto place = static_cast<std::ptrdiff_t>(values.size() * 95 / 100);
    std::nth_element(values.begin(), values.begin() + place, values.end());
    return values[static_cast<size_t>(place)];
  }

  void WritePredictions(const std::vector<PairCorrelation>& dealt,
                        const std::vector<PairCorrelation>& of_random,
                        const std::vector<FiringDetection>& detections) {
    std::vector<double> worths;
    for (size_t i = 0; i < described_.size(); ++i) {
      worths.push_back(own_[i].all * Sign(described_[i]) / std::max(own_[i].Error(), kLeastError));
    }
    std::vector<double> p_values = PValues(worths, Studentized(dealt));
    const std::vector<double> against_random = PValues(worths, Studentized(of_random));
    for (size_t i = 0; i < p_values.size(); ++i) {
      p_values[i] = std::max(p_values[i], against_random[i]);
    }
    const double bound = NullBound(dealt);
    const std::vector<double> q_values = BenjaminiHochberg(p_values);
    for (size_t i = 0; i < described_.size(); ++i) {
      PredictiveResult& test = result_.tests[described_[i]].predictive;
      const double reach = kZ95 * own_[i].Error();
      test.correlation = own_[i].all * Sign(described_[i]);
      test.low = std::max(test.correlation - reach, -1.0);
      test.high = std::min(test.correlation + reach, 1.0);
      test.average_precision = detections[i].average_precision;
      test.prevalence = detections[i].prevalence;
      test.null_correlation = bound;
      test.p_value = p_values[i];
      test.q_value = q_values[i];
      test.passed = test.q_value <= kFalseDiscoveryRate && test.correlation >= kLeastCorrelation;
    }
  }

  void GroupLatents(const std::vector<std::vector<Neighbour>>& neighbours) {
    std::vector<GroupMember> members;
    for (size_t i = 0; i < result_.descriptions.size(); ++i) {
      const PredictiveResult& test = result_.tests[i].predictive;
      members.push_back({Of(i).set, Of(i).correlation < 0, test.correlation, test.passed});
    }
    result_.groups = FindGroups(members, neighbours);
  }

  absl::Status Specify(const std::vector<std::vector<Neighbour>>& neighbours) {
    std::vector<LatentAndSet> pairs;
    std::vector<size_t> begin;  // of each described latent's pairs
    for (const size_t latent : described_) {
      begin.push_back(pairs.size());
      for (const Neighbour& other : neighbours[latent]) {
        if (result_.groups[static_cast<size_t>(other.latent)] == result_.groups[latent]) continue;
        pairs.push_back({other.latent, Of(latent).set});
      }
    }
    begin.push_back(pairs.size());
    RECSAE_ASSIGN_OR_RETURN(const std::vector<PairCorrelation> others,
                            CorrelateWhole(codes_, dictionary_.latents(), pairs));
    for (size_t i = 0; i < described_.size(); ++i) {
      if (begin[i] == begin[i + 1]) continue;
      SpecificResult test;
      test.neighbours = static_cast<int>(begin[i + 1] - begin[i]);
      const double sign = Sign(described_[i]);
      size_t best = begin[i];
      for (size_t p = begin[i]; p < begin[i + 1]; ++p) {
        if (Worth(others[p].all) > Worth(others[best].all)) best = p;
      }
      test.nearest = pairs[best].latent;
      test.nearest_correlation = Worth(others[best].all);
      PairCorrelation difference;
      for (size_t block = 0; block < kUserBlocks; ++block) {
        difference.without[block] =
            own_[i].without[block] * sign - Worth(others[best].without[block]);
      }
      test.difference_low =
          own_[i].all * sign - test.nearest_correlation - kZ95 * difference.Error();
      test.passed = test.difference_low > 0;
      result_.tests[described_[i]].specific = test;
    }
    return absl::OkStatus();
  }

  absl::Status Cause() {
    const std::vector<float> levels =
        RaisedLevels(describing_codes_, result_.descriptions, dictionary_.is_signed());
    std::vector<int64_t> firings(result_.descriptions.size());
    for (int64_t row = 0; row < describing_codes_.rows(); ++row) {
      for (const auto& [latent, value] : describing_codes_.Row(row)) {
        ++firings[static_cast<size_t>(latent)];
      }
    }
    const HistoryPairs pairs(measured_, tester_.sets_, tester_.popularity_);
    RECSAE_ASSIGN_OR_RETURN(
        const std::vector<CausalResult> causes,
        TestCauses({dictionary_, measured_, codes_, tester_.sets_, *tester_.head_, pairs,
                    result_.descriptions, result_.groups, levels, firings, tester_.sample_.seed()},
                   alive_));
    for (const size_t latent : described_) result_.tests[latent].causal = causes[latent];
    return absl::OkStatus();
  }

  const ConceptTester& tester_;
  const Dictionary& dictionary_;
  const SampledRows& describing_;
  const SampledRows& measured_;
  Speaking testing_;
  Alive alive_;
  TestedDictionary result_;
  sae::SparseCodes describing_codes_;
  sae::SparseCodes codes_;            // of users who are measured
  std::vector<size_t> described_;     // latents,
  std::vector<PairCorrelation> own_;  // and each with its own description
};

absl::StatusOr<TestedDictionary> ConceptTester::Test(const Dictionary& dictionary,
                                                     Alive alive) const {
  return Run(*this, dictionary, alive).Do();
}

}  // namespace recsae::explainer
