// The cases that concepts are built from: captured recommendations, and which latents each
// activates.
#ifndef SERVICES_EXPLAINER_LABELING_CASE_TABLE_H_
#define SERVICES_EXPLAINER_LABELING_CASE_TABLE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/sae/codes.h"

namespace recsae::explainer {

// One captured recommendation. Items are positions in the catalogue.
struct Case {
  // Which capture (the caller's numbering; 0 is the one that the paper's protocol draws from), and
  // which row of it.
  int32_t capture = 0;
  int64_t row = 0;
  // The user, as any number; equal for equal users across captures. A case whose user is not known
  // has a number of its own.
  int32_t user = 0;
  // What the recommender ranked highest, best first; ranked[0] is "the recommended item".
  std::vector<int32_t> ranked;
  // Oldest first.
  std::vector<int32_t> history;
};

// A case that activates a latent.
struct ActiveCase {
  int32_t index;  // in the CaseTable
  float activation;
};

// Filled once (Add, then Finish), then immutable and thread-safe.
class CaseTable {
 public:
  explicit CaseTable(int latents) : active_(static_cast<size_t>(latents)) {}

  // A case without ranked items has nothing to be described by; it is counted in statistics only.
  // Activations that are not above 0 count as not active.
  void Add(Case new_case, std::span<const sae::LatentActivation> code);

  // Sorts; call once after the last Add. `alive` is asked now and then, and what it returns unless
  // it is OK ends the work.
  void Finish();
  absl::Status Finish(absl::FunctionRef<absl::Status()> alive);

  int latents() const { return static_cast<int>(active_.size()); }
  int size() const { return static_cast<int>(cases_.size()); }
  const Case& at(int index) const { return cases_[static_cast<size_t>(index)]; }

  // Cases that activate a latent, strongest first (equal: lower index first).
  std::span<const ActiveCase> Active(int latent) const {
    return active_[static_cast<size_t>(latent)];
  }

  // The activation of one latent in one case; 0 when it is not active.
  float Activation(int index, int latent) const;

 private:
  std::vector<Case> cases_;
  std::vector<std::vector<ActiveCase>> active_;  // by latent
  // Latents active in case i: codes_[code_begin_[i] .. code_begin_[i + 1]).
  std::vector<sae::LatentActivation> codes_;
  std::vector<int64_t> code_begin_ = {0};
};

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_LABELING_CASE_TABLE_H_
