// What the descriptions of a dictionary's latents are tested for (ConceptTests in
// concept_store.proto), the same way for an SAE and for dictionaries that nobody trained.
//
// Users have one of three roles and items one of two. Users who describe choose each latent's set
// of items, by the items that describe; all that is reported is of users who are measured, the
// correlations by the items that test.
#ifndef SERVICES_EXPLAINER_VERIFICATION_CONCEPT_TESTS_H_
#define SERVICES_EXPLAINER_VERIFICATION_CONCEPT_TESTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ranking/prediction_head.h"
#include "services/explainer/evidence/described.h"
#include "services/explainer/evidence/dictionary.h"
#include "services/explainer/evidence/sample.h"
#include "services/explainer/labeling/item_sets.h"
#include "services/explainer/verification/causal_test.h"

namespace recsae::explainer {

// A description is to tell a quarter of the variance at least.
inline constexpr double kLeastCorrelation = 0.5;
inline constexpr double kFalseDiscoveryRate = 0.05;

// See PredictiveTest.
struct PredictiveResult {
  double correlation = 0;
  double low = 0;
  double high = 0;
  double average_precision = 0;
  double prevalence = 0;
  double null_correlation = 0;
  double p_value = 1;
  double q_value = 1;
  bool passed = false;
};

// See SpecificTest.
struct SpecificResult {
  int32_t nearest = -1;
  double nearest_correlation = 0;
  double difference_low = 0;
  int neighbours = 0;
  bool passed = false;
};

struct LatentTests {
  PredictiveResult predictive;
  std::optional<SpecificResult> specific;
  std::optional<CausalResult> causal;

  // Whether every test that is there was passed.
  bool Passed() const;
};

struct TestedDictionary {
  DictionaryKind kind = DictionaryKind::kTrained;
  std::vector<SetDescription> descriptions;  // by latent, as are the next two
  std::vector<LatentTests> tests;            // as made where nothing is described
  std::vector<int32_t> groups;               // the lead of each latent's group
  int users = 0;                             // who were measured,
  int64_t rows = 0;                          // and their rows
};

// Why nothing can be tested: too few users, or no sets of items to speak of. Empty where it can.
std::string WhyUntested(const Sample& sample, const ItemSets& sets);

// Thread-compatible.
class ConceptTester {
 public:
  // All outlive it. `head`: null where scores do not follow from the activation; then there is no
  // causal test. `popularity`: of items (PopularityOf). `latents`, `k`: of the random directions
  // that tests set descriptions against.
  static absl::StatusOr<ConceptTester> Create(const Sample& sample, const ItemSets& sets,
                                              const PredictionHead* head,
                                              std::span<const double> popularity, int latents,
                                              int k, Alive alive);

  // A function of what the tester was made of and the dictionary.
  absl::StatusOr<TestedDictionary> Test(const Dictionary& dictionary, Alive alive) const;

  // The random directions.
  const Dictionary& random() const { return *random_; }

 private:
  class Run;
  ConceptTester(const Sample& sample, const ItemSets& sets, const PredictionHead* head,
                std::span<const double> popularity)
      : sample_(sample), sets_(sets), head_(head), popularity_(popularity) {}

  const Sample& sample_;
  const ItemSets& sets_;
  const PredictionHead* head_;
  std::span<const double> popularity_;
  std::unique_ptr<Dictionary> random_;
  sae::SparseCodes random_codes_;  // of users who are measured
  std::vector<double> factors_;    // WholeListFactors, by set
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_CONCEPT_TESTS_H_
