// The RecSAE paper's protocol (section 3.3), as published but for the judge, which is statistical:
// every latent is described from 5 of its 10 most activated cases and verified on the others, with
// 5 that do not activate it. What it says is no sign of a good dictionary: titles of recommended
// items describe and judge, and what an activation recommends is a function of the activation, so
// that any direction, raw dimensions and random ones too, predicts itself.
#ifndef SERVICES_EXPLAINER_VERIFICATION_PAPER_PROTOCOL_H_
#define SERVICES_EXPLAINER_VERIFICATION_PAPER_PROTOCOL_H_

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_features.h"
#include "services/explainer/labeling/statistical_labeler.h"
#include "services/explainer/verification/case_selection.h"

namespace recsae::explainer {

struct PaperOptions {
  SelectionOptions selection;
  LabelerOptions labeler;
  ProfileOptions profile;
  // Cases that set a description's threshold, beside its construction cases.
  int threshold_cases = 500;
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

struct PaperResult {
  // No terms where the latent fires too rarely, or the cases say nothing.
  Description description;
  Tally own;
  // The same cases judged by the description of another latent, which says something else. Empty
  // where no other is described.
  Tally control;
};

// Called now and then with (latents done, all); a status that is not OK stops the work.
using PaperProgress = std::function<absl::Status(int done, int total)>;

// One result for each latent. A function of its arguments alone: same seed, same result.
absl::StatusOr<std::vector<PaperResult>> RunPaperProtocol(const CaseTable& cases,
                                                          const ItemFeatures& features,
                                                          const PaperOptions& options,
                                                          const PaperProgress& progress);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_PAPER_PROTOCOL_H_
