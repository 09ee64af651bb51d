// Which cases describe a latent and which test the description; none does both.
#ifndef SERVICES_EXPLAINER_VERIFICATION_CASE_SELECTION_H_
#define SERVICES_EXPLAINER_VERIFICATION_CASE_SELECTION_H_

#include <array>
#include <cstdint>
#include <vector>

#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/roles.h"

namespace recsae::explainer {

struct SelectionOptions {
  // N of the paper.
  int paper_cases = 5;
  // Construction cases of the larger protocol, and cases that set its thresholds.
  int construction_cases = 50;
  // Positives, and as many negatives, of the larger protocol.
  int extended_cases = 50;
  uint64_t seed = 0;
};

// Positions in the CaseTable. Empty lists where the latent fires too rarely.
struct CaseSelection {
  // RecSAE section 3.3: of the 2N most activated cases of capture 0, N at random describe and the
  // others verify, with N that do not activate the latent. Empty when there are fewer than 2N. As
  // published: nothing keeps a user from being on both sides.
  std::vector<int32_t> paper_construction;
  std::vector<int32_t> paper_positives;
  std::vector<int32_t> paper_negatives;
  // The larger protocol, all captures: the upper half of the cases of users who describe ...
  std::vector<int32_t> construction;
  // ... cases of users who set thresholds ...
  std::vector<int32_t> threshold_positives;
  // ... and of users who measure, spread evenly over the activation's quantiles as are the two
  // above.
  std::vector<int32_t> extended_positives;
  std::vector<int32_t> extended_negatives;
  // The first so many of extended_negatives are hard: the recommended item is one that activated
  // cases have, too.
  int hard_negatives = 0;
};

// Draws the cases of latents; thread-safe. In the larger protocol a user has one role (RoleOf) for
// all latents, and is in at most one case of a latent.
class CaseSelector {
 public:
  // `cases` outlives the selector.
  CaseSelector(const CaseTable& cases, const SelectionOptions& options);

  CaseSelection Select(int latent) const;

  // Cases that do not activate the latent, of users who set thresholds; at most n, one of a user.
  std::vector<int32_t> Background(int latent, int n) const;

 private:
  void SelectPaper(int latent, CaseSelection& selection) const;
  // The strongest case of each user of a role, strongest first.
  std::vector<int32_t> Strongest(int latent, Role role) const;
  void SelectNegatives(int latent, CaseSelection& selection) const;

  const CaseTable& cases_;
  SelectionOptions options_;
  std::array<std::vector<int32_t>, kRoles> usable_;   // cases with a recommended item, by role
  std::vector<int32_t> usable_paper_;                 // those of capture 0
  std::vector<std::vector<int32_t>> by_recommended_;  // of users who measure, by item
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_VERIFICATION_CASE_SELECTION_H_
