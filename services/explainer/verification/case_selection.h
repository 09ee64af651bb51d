// Which cases describe a latent and which test the description, as the RecSAE paper has it.
#ifndef SERVICES_EXPLAINER_VERIFICATION_CASE_SELECTION_H_
#define SERVICES_EXPLAINER_VERIFICATION_CASE_SELECTION_H_

#include <cstdint>
#include <vector>

#include "services/explainer/labeling/case_table.h"

namespace recsae::explainer {

struct SelectionOptions {
  // N of the paper.
  int paper_cases = 5;
  uint64_t seed = 0;
};

// Positions in the CaseTable; empty lists where the latent fires in fewer than 2N cases of capture
// 0. RecSAE section 3.3: of the 2N most activated cases of that capture, N at random describe and
// the others verify, with N that do not activate the latent. As published: nothing keeps a user
// from being on both sides.
struct CaseSelection {
  std::vector<int32_t> construction;
  std::vector<int32_t> positives;
  std::vector<int32_t> negatives;
};

// Draws the cases of latents; thread-safe.
class CaseSelector {
 public:
  // `cases` outlives the selector.
  CaseSelector(const CaseTable& cases, const SelectionOptions& options);

  CaseSelection Select(int latent) const;

  // Cases of all captures that do not activate the latent, of users who set thresholds (RoleOf); at
  // most n, one of a user.
  std::vector<int32_t> Background(int latent, int n) const;

 private:
  const CaseTable& cases_;
  SelectionOptions options_;
  // Cases with a recommended item: of users who set thresholds, and of capture 0.
  std::vector<int32_t> thresholds_;
  std::vector<int32_t> usable_;
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_CASE_SELECTION_H_
