// Which cases describe a latent and which test the description; none does both.
#ifndef SERVICES_EXPLAINER_VERIFICATION_CASE_SELECTION_H_
#define SERVICES_EXPLAINER_VERIFICATION_CASE_SELECTION_H_

#include <cstdint>
#include <vector>

#include "services/explainer/labeling/case_table.h"

namespace recsae::explainer {

struct SelectionOptions {
  // N of the paper.
  int paper_cases = 5;
  // Positives, and as many negatives, of the larger protocol.
  int extended_cases = 50;
  // Construction cases of the larger protocol beyond the paper's N, from users that verify nothing.
  int more_construction = 45;
  uint64_t seed = 0;
};

// Positions in the CaseTable. Empty lists where the latent fires too rarely.
struct CaseSelection {
  // RecSAE section 3.3: of the 2N most activated cases of capture 0, N at random describe and the
  // others verify, with N that do not activate the latent. Empty when there are fewer than 2N.
  std::vector<int32_t> paper_construction;
  std::vector<int32_t> paper_positives;
  std::vector<int32_t> paper_negatives;
  // The larger protocol: the paper's N and more.
  std::vector<int32_t> construction;
  // Spread evenly over the activation's quantiles, all captures.
  std::vector<int32_t> extended_positives;
  std::vector<int32_t> extended_negatives;
  // The first so many of extended_negatives are hard: the recommended item is one that activated
  // cases have, too.
  int hard_negatives = 0;
};

// Draws the cases of latents; thread-safe. Users are divided by a hash: the cases of one half
// describe beyond the paper's N, those of the other half verify. The paper's N construction cases
// are of any user: other rows of theirs may verify.
class CaseSelector {
 public:
  // `cases` outlives the selector.
  CaseSelector(const CaseTable& cases, const SelectionOptions& options);

  CaseSelection Select(int latent) const;

  // Cases that do not activate the latent, from users that describe; at most n.
  std::vector<int32_t> Background(int latent, int n) const;

 private:
  bool Describes(int32_t index) const;

  const CaseTable& cases_;
  SelectionOptions options_;
  std::vector<int32_t> usable_;                       // cases with a recommended item
  std::vector<int32_t> usable_paper_;                 // those of capture 0
  std::vector<std::vector<int32_t>> by_recommended_;  // by item
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_CASE_SELECTION_H_
