// Describes and verifies all latents of an SAE: the RecSAE paper's section 3.3, and beside it the
// larger protocol with intervals, a shuffled control and a false-discovery rate. In that one users
// are divided into those who describe, set thresholds and measure, and items into those that speak
// in the construction cases and those that speak in the others: what an activation recommends is a
// function of the activation, so that any latent, also of an untrained recommender, tells well
// which items it recommends.
#ifndef SERVICES_EXPLAINER_VERIFICATION_VERIFIER_H_
#define SERVICES_EXPLAINER_VERIFICATION_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_features.h"
#include "services/explainer/labeling/statistical_labeler.h"
#include "services/explainer/verification/case_selection.h"

namespace recsae::explainer {

struct VerifierOptions {
  SelectionOptions selection;
  // Of the paper's protocol.
  LabelerOptions labeler;
  // A description that a person reads, and that items it has not seen can test.
  LabelerOptions extended_labeler = {.max_terms = 3, .single_items = false};
  ProfileOptions profile;
  // Cases that set a description's threshold, beside its construction cases.
  int threshold_cases = 500;
  double false_discovery_rate = 0.05;
  int evidence = 10;
};

// Right and wrong answers about cases.
struct Tally {
  int true_positives = 0;
  int false_positives = 0;
  int true_negatives = 0;
  int false_negatives = 0;

  int cases() const { return true_positives + false_positives + true_negatives + false_negatives; }
  int correct() const { return true_positives + true_negatives; }
  // Share of the cases classified correctly; 0 without cases.
  double Confidence() const;
  double Precision() const;
  double Recall() const;
};

// How a latent fires over all cases, described or not.
struct FiringStatistics {
  int64_t rows = 0;
  int64_t active_rows = 0;
  double mean = 0;  // over the active rows, as are the next two
  double standard_deviation = 0;
  double max = 0;
  // Upper ends of the intensity levels 1 to 9: tenths of the largest activation.
  std::vector<double> level_thresholds;
};

struct LatentResult {
  enum class Outcome { kDescribed, kTooRare, kDead };
  Outcome outcome = Outcome::kDead;
  Description description;  // no terms unless kDescribed
  // Made of the paper's N construction cases alone, and judged by the paper's protocol; no terms
  // where these say nothing.
  Description paper_description;
  FiringStatistics statistics;
  std::vector<ActiveCase> evidence;  // strongest first

  Tally paper;     // no cases where the latent fires too rarely for the paper's protocol
  Tally extended;  // of `description`
  int hard_negatives = 0;
  double auc = 0.5;
  // The same cases judged by the one description that was dealt to this latent.
  Tally paper_control;
  Tally extended_control;
  // Mean confidence on the extended cases of all other latents' descriptions that say something
  // else.
  double control_confidence = 0;
  // Chance that a description of something else does as well (each against what the others reach on
  // the same cases), over all latents, and its q-value.
  double p_value = 1;
  double q_value = 1;
  bool verified = false;
  bool verified_control = false;
};

// The intensity level, 1 to 10, of an activation; 0 when it is not above 0.
int IntensityLevel(double activation, const FiringStatistics& statistics);

// Called now and then with (latents done, all); a status that is not OK stops the work.
using VerifierProgress = std::function<absl::Status(int done, int total)>;

// One result for each latent. A function of its arguments alone: same seed, same result.
absl::StatusOr<std::vector<LatentResult>> DescribeAndVerify(const CaseTable& cases,
                                                            const ItemFeatures& features,
                                                            const VerifierOptions& options,
                                                            const VerifierProgress& progress);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_VERIFIER_H_
